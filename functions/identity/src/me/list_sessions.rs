//! `GET /me/sessions`

use axum::extract::State;
use kernel::{Page, permission::ProfileRead};
use platform::{Allowed, Paging, Query, Result, View};

use super::account;
use crate::{
    App,
    session::{Session, SessionView},
};

/// Lists one's own sessions, newest first unless told otherwise.
///
/// Only those that can still be refreshed. Sessions that have ended are left out after the page was read: a page may
/// hold fewer than `limit`, and the list goes on for as long as there is a `next_cursor`.
#[utoipa::path(
    get, path = "/api/v1/me/sessions", tag = "me",
    params(Paging),
    responses((status = 200, description = "A page of sessions.", body = Page<SessionView>)),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn list_sessions(
    State(app): State<App>,
    allowed: Allowed<ProfileRead>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<SessionView>>> {
    let user = account(&app, &allowed).await?;
    let mut page = paging.read(app.edge.store(), Session::of_user(user.id)).await?;
    page.items.retain(|session| session.is_alive(&user, allowed.now()));
    let current = allowed.principal().session_id;
    Ok(View(page.map(|session| SessionView::new(&session, current))))
}
