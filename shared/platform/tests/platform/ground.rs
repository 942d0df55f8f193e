//! A function for tests.

use axum::{
    Router,
    extract::{FromRef, State},
    routing::{get, post},
};
use kernel::{
    Error,
    permission::{ProfileRead, ProfileWrite},
    revocation::Subject,
};
use platform::{
    Allowed, Boot, BootError, Edge, Function, NoContent, Public, Result, View, config::Reader,
    edge::EdgeConfig, http::surround, ids,
};
use serde_json::{Value, json};
use store::{Change, audit, ephemeral};
use testkit::{App, Lab};

/// The origin whose pages may call it.
pub(crate) const ORIGIN: &str = "https://app.example.com";

#[derive(Clone, Debug)]
pub(crate) struct Ground {
    edge: Edge,
}

impl Ground {
    pub(crate) async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::new(&boot.vars);
        let config = EdgeConfig::read(&mut env, &[ephemeral::TABLE, audit::TABLE]);
        Ok(Self { edge: Edge::new(boot, env.finish(|| config)?).await? })
    }
}

impl FromRef<Ground> for Edge {
    fn from_ref(ground: &Ground) -> Self {
        ground.edge.clone()
    }
}

pub(crate) async fn function(boot: Boot) -> Result<Function, BootError> {
    let ground = Ground::new(&boot).await?;
    let routes = Router::new()
        .route("/open", get(async |_: Public| View(json!({}))).post(async |_: Public| View(json!({}))))
        .route("/mine", get(mine))
        .route("/things/{id}", get(async |_: Public| -> Result<NoContent> { Err(refusal()) }))
        .route("/panic", get(async |_: Public| -> NoContent { panic!("on purpose") }))
        .route("/revoke", post(revoke));
    Ok(Function::Http(surround(&ground.edge.clone(), routes.with_state(ground))))
}

fn refusal() -> platform::Problem {
    Error::internal("look at gw_rt_c2VjcmV0c2VjcmV0", "asked by ann@example.com").into()
}

async fn mine(allowed: Allowed<ProfileRead>) -> View<Value> {
    View(json!({"tenant_id": allowed.tenant_id()}))
}

/// Ends the caller's tokens.
async fn revoke(State(edge): State<Edge>, allowed: Allowed<ProfileWrite>) -> Result<NoContent> {
    let user = allowed.principal().user_id().ok_or(Error::NotFound("account"))?;
    let now = edge.clock().now();
    let change = Change::new("test.revoke", "user", user).revoke(ids::new(now), Subject::User(user), now);
    edge.store().commit(&allowed.actor, change).await?;
    Ok(NoContent)
}

/// An instance of the function on this cloud.
pub(crate) async fn instance(lab: &Lab) -> App {
    let build = async |boot: Boot| {
        let vars = boot.vars.clone().with("ALLOWED_ORIGINS", ORIGIN);
        function(Boot { vars, ..boot }).await
    };
    lab.http("identity", build).await
}

/// An instance on a cloud of its own.
pub(crate) async fn app() -> App {
    instance(&Lab::new()).await
}
