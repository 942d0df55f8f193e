//! `GET /auth/csrf`

use axum::extract::State;
use kernel::{Error, permission::ProfileRead};
use platform::{Allowed, Result, View, auth};
use serde::Serialize;

use crate::App;

/// A session's CSRF token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"csrf_token": "mJ3Qb4d2k8F0y1W7s5Zt9xVnC6hLrUaEoPqIgTfKjBM"}))]
pub(crate) struct CsrfView {
    /// Send it as `X-CSRF-Token` with every unsafe method of a cookie session.
    csrf_token: String,
}

/// Shows the CSRF token of the caller's session.
///
/// For a page that was loaded anew: it is the one that the login answered with.
#[utoipa::path(
    get, path = "/api/v1/auth/csrf", tag = "auth",
    responses(
        (status = 200, description = "The token.", body = CsrfView),
        (status = 404, description = "The caller has no session: it is no person."),
    ),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn csrf(State(app): State<App>, allowed: Allowed<ProfileRead>) -> Result<View<CsrfView>> {
    let session = allowed.principal().session_id;
    let session = session.ok_or(Error::NotFound("session"))?;
    Ok(View(CsrfView { csrf_token: auth::csrf_token(&app.edge, session) }))
}
