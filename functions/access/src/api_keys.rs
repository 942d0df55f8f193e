//! `/admin/api-keys`: for operators, and for whoever holds the admin secret.

pub(crate) mod create_api_key;
pub(crate) mod delete_api_key;
pub(crate) mod get_api_key;
pub(crate) mod get_usage;
pub(crate) mod list_api_keys;
pub(crate) mod rotate_api_key;
pub(crate) mod update_api_key;

use kernel::{
    Error, Permission, Result, Role, Secret, Timestamp,
    api_key::ApiKeyText,
    id::{ApiKeyId, TenantId},
};
use platform::{Edge, api_key::ApiKey, ids};
use serde::Serialize;
use store::{Store, Stored};

/// An API key, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "name": "Nightly export",
    "prefix": "gw_live_02kFy0a3ZV6gYh1NmQ2b7X", "tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "role": "member",
    "scopes": ["members:read", "tenants:read"], "rate_per_minute": 60, "burst": 60, "cidrs": ["203.0.113.0/24"],
    "expires_at": "2027-01-31T12:00:00.000Z", "last_used_at": "2026-01-31T12:30:00.000Z",
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
pub(crate) struct ApiKeyView {
    /// The key.
    id: ApiKeyId,
    /// What people call it.
    name: String,
    /// What its text begins with: enough to tell it from others, and no secret.
    prefix: String,
    /// The tenant it acts in.
    tenant_id: TenantId,
    /// Its role there.
    role: Role,
    /// What it was narrowed to.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Permission>,
    /// Requests a minute.
    rate_per_minute: u32,
    /// Requests at once.
    burst: u32,
    /// Where it may be used from; anywhere when empty.
    cidrs: Vec<String>,
    /// Until when it may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// Until when the secret before the last rotation may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<Timestamp>,
    /// When it was last used, if that was in the last three days. Not part of the `ETag`: using a key does not change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

impl ApiKeyView {
    fn used(self, last_used_at: Option<Timestamp>) -> Self {
        Self { last_used_at, ..self }
    }
}

impl From<&ApiKey> for ApiKeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            prefix: ApiKeyText::prefix(key.id),
            tenant_id: key.tenant_id,
            role: key.role,
            scopes: key.scopes.clone(),
            rate_per_minute: key.rate_per_minute.get(),
            burst: key.burst.get(),
            cidrs: key.cidrs.iter().map(ToString::to_string).collect(),
            expires_at: key.expires_at,
            previous_secret_until: key.secrets.iter().find_map(|secret| secret.until),
            last_used_at: None,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

/// An API key with its secret, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "key": "gw_live_02kFy0a3ZV6gYh1NmQ2b7X_3sJp0cWn8Rk4ZtQv1LxY6bHd9Mg2Fa5Te7Ui0Oo8Pq3Rs1Xw4AbC9",
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "name": "Nightly export",
    "prefix": "gw_live_02kFy0a3ZV6gYh1NmQ2b7X", "tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "role": "member",
    "scopes": ["members:read", "tenants:read"], "rate_per_minute": 60, "burst": 60, "cidrs": [],
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
pub(crate) struct NewApiKeyView {
    /// The credential, to be sent as `X-Api-Key`. It is not kept and cannot be shown again.
    #[schema(value_type = String)]
    key: Secret<String>,
    /// The key.
    #[serde(flatten)]
    api_key: ApiKeyView,
}

impl NewApiKeyView {
    fn new(key: &ApiKey, text: &ApiKeyText) -> Self {
        Self { key: Secret::new(text.expose().to_owned()), api_key: ApiKeyView::from(key) }
    }
}

/// A new secret for a key: its text, and what is stored of it.
async fn new_secret(edge: &Edge, id: ApiKeyId) -> Result<(ApiKeyText, platform::api_key::ApiSecret)> {
    let text = ApiKeyText::new(id, ids::random());
    let keys = edge.api_secret_keys().latest().await?;
    let sealed =
        keys.seal(&text).ok_or_else(|| Error::internal("seal an API key", "there is no current key"))?;
    Ok((text, sealed))
}

/// # Errors
/// [`Error::NotFound`] when there is no such key.
async fn find(store: &Store, id: ApiKeyId) -> Result<Stored<ApiKey>> {
    store.get_consistent(&ApiKey::key_of(id)).await?.ok_or(Error::NotFound("API key"))
}

/// Where a key is.
fn location(id: ApiKeyId) -> String {
    format!("/api/v1/admin/api-keys/{id}")
}
