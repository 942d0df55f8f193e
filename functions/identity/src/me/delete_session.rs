//! `DELETE /me/sessions/{id}`

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::{Error, id::SessionId, permission::ProfileWrite};
use platform::{Allowed, NoContent, Path, Result};
use store::{Change, Stored};

use super::account;
use crate::{
    App,
    session::{self, Session},
    tokens,
};

/// Ends one of one's own sessions.
///
/// Its refresh tokens are worth nothing from now on, its access tokens within 5 seconds.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions/{id}", tag = "me",
    params(("id" = SessionId, Path, description = "The session")),
    responses(
        (status = 204, description = "The session has ended."),
        (status = 404, description = "One has no such session, or it has ended."),
        (status = 409, description = "The session was refreshed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("profile:write")))
)]
pub(crate) async fn delete_session(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
    Path(id): Path<SessionId>,
) -> Result<Response> {
    let user = account(&app, &allowed).await?;
    let store = app.edge.store();
    let session: Option<Stored<Session>> = store.get_consistent(&Session::key_of(id)).await?;
    let session = session
        .filter(|session| session.user_id == user.id && session.is_alive(&user, allowed.now()))
        .ok_or(Error::NotFound("session"))?;
    let change = Change::new("session.end", "session", id);
    let change = session::store::end(change, &session, allowed.now());
    store.commit(&allowed.actor, change).await?;
    let answer = NoContent.into_response();
    let is_current = allowed.principal().session_id == Some(id);
    Ok(if is_current { tokens::without_cookies(answer) } else { answer })
}
