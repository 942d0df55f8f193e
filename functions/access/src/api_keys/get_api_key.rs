//! `GET /admin/api-keys/{id}`

use axum::{extract::State, response::Response};
use kernel::{id::ApiKeyId, permission::ApiKeysRead};
use platform::{Allowed, Conditional, Path, Result, api_key::ApiKey};

use super::{ApiKeyView, find};
use crate::App;

/// Shows an API key.
#[utoipa::path(
    get, path = "/api/v1/admin/api-keys/{id}", tag = "api keys",
    params(
        ("id" = ApiKeyId, Path, description = "The key"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The key.", body = ApiKeyView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("api_keys:read")))
)]
pub(crate) async fn get_api_key(
    State(app): State<App>,
    _: Allowed<ApiKeysRead>,
    conditional: Conditional,
    Path(id): Path<ApiKeyId>,
) -> Result<Response> {
    let store = app.edge.store();
    let key = find(store, id).await?;
    let used = store.allowance(&ApiKey::subject(id)).await?;
    let shown = ApiKeyView::from(&*key).used(used.and_then(|used| used.used_at));
    conditional.answer_tagged(&shown, &ApiKeyView::from(&*key))
}
