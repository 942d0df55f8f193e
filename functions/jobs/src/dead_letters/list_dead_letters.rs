//! `GET /admin/dead-letters`

use axum::extract::State;
use kernel::{Page, permission::DeadLettersRead};
use platform::{Allowed, Paging, Query, Result, View};
use store::job::DeadLetter;

use super::DeadLetterView;
use crate::App;

/// Lists what could not be delivered, or failed in every attempt.
#[utoipa::path(
    get, path = "/api/v1/admin/dead-letters", tag = "jobs", params(Paging),
    responses((status = 200, description = "A page of dead letters, by the age of their jobs.", body = Page<DeadLetterView>)),
    extensions(("x-permission" = json!("dead_letters:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn list_dead_letters(
    State(app): State<App>,
    _: Allowed<DeadLettersRead>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<DeadLetterView>>> {
    let page = paging.read(app.edge.store(), DeadLetter::every()).await?;
    Ok(View(page.map(DeadLetterView::from)))
}
