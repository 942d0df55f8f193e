//! `POST /auth/logout`

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use platform::{Json, NoContent, Result, Visitor};
use store::Change;

use super::refresh;
use crate::{App, session, tokens};

kernel::input! {
    /// The session to end. A cookie session sends `{}` and its CSRF token.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"refresh_token": "gw_rt_AmsxAZgfmi5LfD2aUT9tK4wOFwAAAAA"}))]
    pub(crate) struct Logout {
        /// The session's refresh token.
        refresh_token: Option<String>,
    }
}

/// Ends a session.
///
/// Its refresh tokens are worth nothing from now on, its access tokens within 5 seconds. Ending it twice is fine.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "auth", request_body = Logout,
    responses(
        (status = 204, description = "The session has ended."),
        (status = 401, description = "The token is not one of ours."),
        (status = 403, description = "The CSRF token of the cookie session is missing."),
        (status = 409, description = "The session was refreshed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn logout(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(input): Json<Logout>,
) -> Result<Response> {
    let token = refresh::presented(&app, &headers, input.refresh_token).await?;
    let session = refresh::read(&app, &token).await?;
    if session.family.revoked_at.is_none() {
        let change = Change::new("session.end", "session", session.id());
        let change = session::store::end(change, &session, visitor.info.now);
        app.edge.store().commit(&visitor.info.actor(session.principal()), change).await?;
    }
    Ok(tokens::without_cookies(NoContent.into_response()))
}
