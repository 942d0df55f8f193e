//! `DELETE /admin/api-keys/{id}`

use axum::extract::State;
use kernel::{id::ApiKeyId, permission::ApiKeysWrite};
use platform::{Allowed, Conditional, NoContent, Path, Result, api_key::ApiKey};
use store::Change;

use super::{ApiKeyView, find};
use crate::App;

/// Deletes an API key. It is refused everywhere within 5 seconds.
#[utoipa::path(
    delete, path = "/api/v1/admin/api-keys/{id}", tag = "api keys",
    params(
        ("id" = ApiKeyId, Path, description = "The key"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the key that the client saw"),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Somebody else changed it at the same time."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("api_keys:write")))
)]
pub(crate) async fn delete_api_key(
    State(app): State<App>,
    allowed: Allowed<ApiKeysWrite>,
    conditional: Conditional,
    Path(id): Path<ApiKeyId>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let key = find(store, id).await?;
    conditional.check(&ApiKeyView::from(&*key))?;
    let change = Change::new("api_key.delete", "api_key", id).in_tenant(key.tenant_id);
    store.commit(&allowed.actor, ApiKey::delete(&key, change, conditional.lost_race())).await?;
    Ok(NoContent)
}
