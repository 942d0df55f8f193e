//! `DELETE /me/sessions`

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::{permission::ProfileWrite, revocation::Subject};
use platform::{Allowed, NoContent, Result, ids};
use store::Change;

use super::account;
use crate::{App, oidc::grant, tokens};

/// Ends all of one's own sessions, this one too.
///
/// Their refresh tokens are worth nothing from now on, their access tokens within 5 seconds.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions", tag = "me",
    responses(
        (status = 204, description = "Every session has ended."),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("profile:write")))
)]
pub(crate) async fn delete_sessions(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
) -> Result<Response> {
    let user = account(&app, &allowed).await?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let change = Change::new("user.end_sessions", "user", user.id)
        .in_tenant(user.personal_tenant_id)
        .replace(&user, &user.value.clone().without_sessions(now))
        .revoke(ids::new(now), Subject::User(user.id), now);
    app.edge.store().commit(&allowed.actor, change).await?;
    grant::forget(app.edge.store(), &allowed.actor, &user, None).await;
    Ok(tokens::without_cookies(NoContent.into_response()))
}
