//! `PATCH /me`

use axum::{extract::State, response::Response};
use kernel::permission::ProfileWrite;
use platform::{Allowed, Conditional, Json, Result};
use store::Change;

use super::{account, get_me::MeView};
use crate::{
    App,
    user::{self, User},
    username::Username,
};

kernel::input! {
    /// What to change; what is absent stays.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"username": "ann.lee"}))]
    pub(crate) struct PatchMe {
        /// Username, unique without regard to case.
        username: Option<Username>,
    }
}

/// Changes one's own account.
#[utoipa::path(
    patch, path = "/api/v1/me", tag = "me", request_body = PatchMe,
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is made to")),
    responses(
        (status = 200, description = "The caller, as it is now.", body = MeView, headers(("ETag" = String))),
        (status = 409, description = "The username is taken, or the account was changed at the same moment."),
        (status = 412, description = "The account has changed since that ETag."),
    ),
    extensions(("x-permission" = json!("profile:write")))
)]
pub(crate) async fn patch_me(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
    conditional: Conditional,
    Json(input): Json<PatchMe>,
) -> Result<Response> {
    let user = account(&app, &allowed).await?;
    let view = |user: &User| MeView::new(allowed.principal(), Some(user));
    let amendment = conditional.amend(app.edge.store(), &allowed.actor, &user, view, |user| {
        let username = input.username.unwrap_or_else(|| user.username.clone());
        if username == user.username {
            return Ok(None);
        }
        let next = User { username, updated_at: allowed.now(), ..user.clone() };
        let change = Change::new("user.rename", "user", user.id).in_tenant(user.personal_tenant_id);
        let change = user::store::rename(change, user, &next)?;
        Ok(Some((next, change)))
    });
    amendment.await
}
