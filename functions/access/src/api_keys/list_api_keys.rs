//! `GET /admin/api-keys`

use axum::extract::State;
use kernel::{Page, permission::ApiKeysRead};
use platform::{Allowed, Paging, Query, Result, View, api_key::ApiKey};
use store::limit::Subject;

use super::ApiKeyView;
use crate::App;

/// Lists API keys.
#[utoipa::path(
    get, path = "/api/v1/admin/api-keys", tag = "api keys", params(Paging),
    responses((status = 200, description = "A page of keys, oldest first unless told otherwise.", body = Page<ApiKeyView>)),
    extensions(("x-permission" = json!("api_keys:read")))
)]
pub(crate) async fn list_api_keys(
    State(app): State<App>,
    _: Allowed<ApiKeysRead>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<ApiKeyView>>> {
    let store = app.edge.store();
    let page = paging.read(store, ApiKey::all()).await?;
    let subjects: Vec<Subject> = page.items.iter().map(|key| ApiKey::subject(key.id)).collect();
    let uses = store.allowances(&subjects).await?;
    let items = page.items.iter().zip(uses);
    let items = items.map(|(key, used)| ApiKeyView::from(key).used(used.and_then(|used| used.used_at)));
    Ok(View(Page { items: items.collect(), next_cursor: page.next_cursor }))
}
