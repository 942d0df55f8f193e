//! `GET /auth/csrf`

use axum::{extract::State, http::HeaderMap};
use kernel::{Error, id::SessionId, permission::ProfileRead};
use platform::{Allowed, Problem, Result, View, Visitor, auth, cookie};
use serde::Serialize;

use super::refresh;
use crate::{App, user};

/// A session's CSRF token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"csrf_token": "mJ3Qb4d2k8F0y1W7s5Zt9xVnC6hLrUaEoPqIgTfKjBM"}))]
pub(crate) struct CsrfView {
    /// Send it as `X-CSRF-Token` with every unsafe method of a cookie session.
    csrf_token: String,
}

/// Shows the CSRF token of the caller's session.
///
/// For a page that was loaded anew: it is the one that the login answered with. The refresh cookie alone is enough,
/// because refreshing takes the CSRF token and the access cookie may have ended.
#[utoipa::path(
    get, path = "/api/v1/auth/csrf", tag = "auth",
    responses(
        (status = 200, description = "The token.", body = CsrfView),
        (status = 401, description = "There is no session."),
        (status = 403, description = "The account is suspended, or the caller is no person."),
    ),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn csrf(
    State(app): State<App>,
    visitor: Visitor,
    allowed: Result<Allowed<ProfileRead>>,
    headers: HeaderMap,
) -> Result<View<CsrfView>> {
    let session = match allowed {
        Ok(allowed) => allowed.principal().session_id.ok_or_else(sessions_only)?,
        // Known, and no session of a person's.
        Err(Problem(error @ Error::Forbidden(_))) => return Err(error.into()),
        Err(_) => of_refresh_cookie(&app, &visitor, &headers).await?,
    };
    Ok(View(CsrfView { csrf_token: auth::csrf_token(&app.edge, session) }))
}

fn sessions_only() -> Error {
    Error::Forbidden("only a session of a person has a CSRF token".into())
}

/// The living session of the refresh cookie.
async fn of_refresh_cookie(app: &App, visitor: &Visitor, headers: &HeaderMap) -> Result<SessionId, Error> {
    let text = cookie::read(headers, cookie::REFRESH).ok_or_else(refresh::over)?;
    let token = refresh::parse(app, text).await?;
    let session = refresh::read(app, &token).await?;
    let user = user::store::require(app.edge.store(), session.user_id).await?;
    user.require_active()?;
    if session.is_alive(&user, visitor.info.now) { Ok(session.id()) } else { Err(refresh::over()) }
}
