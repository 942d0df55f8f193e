//! `POST /admin/api-keys/{id}/rotate`

use std::time::Duration;

use axum::extract::State;
use kernel::{Error, Timestamp, id::ApiKeyId, input::Whole, permission::ApiKeysWrite};
use platform::{
    Allowed, Create, Created, Path, Result,
    api_key::{ApiKey, ApiSecret},
};
use store::Change;

use super::{NewApiKeyView, find, location, new_secret};
use crate::App;

/// The longest overlap, in seconds: 30 days.
const OVERLAP_SECONDS_MAX: u32 = 2_592_000;

kernel::input! {
    /// How to change over.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"overlap_seconds": 3600}))]
    pub(crate) struct RotateApiKey {
        /// For how many seconds the old secret may still be used: none unless told, 30 days at most.
        #[schema(value_type = Option<u32>, minimum = 0, maximum = 2_592_000)]
        overlap_seconds: Option<Whole<0, OVERLAP_SECONDS_MAX>>,
    }
}

/// The key with a new secret. The one before ends after the overlap, and those before it at once.
fn rotate(key: &ApiKey, new: ApiSecret, overlap: Duration, now: Timestamp) -> ApiKey {
    let current = key.secrets.iter().filter(|secret| secret.until.is_none());
    let old = current.map(|secret| ApiSecret { until: Some(now + overlap), ..secret.clone() });
    let secrets = old.filter(|_| !overlap.is_zero()).chain([new]).collect();
    ApiKey { secrets, updated_at: now, ..key.clone() }
}

/// Gives an API key a new secret.
///
/// Its id, and all it may do, stay. The old secret may be used for as long as the caller says, so that programs can
/// change over one by one; without that it is refused everywhere within 5 seconds.
#[utoipa::path(
    post, path = "/api/v1/admin/api-keys/{id}/rotate", tag = "api keys", request_body = RotateApiKey,
    params(
        ("id" = ApiKeyId, Path, description = "The key"),
        ("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer"),
    ),
    responses(
        (status = 201, description = "The key, with its new secret.", body = NewApiKeyView, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "Somebody else changed it at the same time."),
    ),
    extensions(("x-permission" = json!("api_keys:write")))
)]
pub(crate) async fn rotate_api_key(
    State(app): State<App>,
    allowed: Allowed<ApiKeysWrite>,
    Path(id): Path<ApiKeyId>,
    Create(input): Create<RotateApiKey>,
) -> Result<Created> {
    let store = app.edge.store();
    let key = find(store, id).await?;
    if key.expires_at.is_some_and(|expires_at| expires_at <= allowed.now()) {
        return Err(Error::conflict("api_key_expired", "the key has expired; change expires_at first").into());
    }
    let overlap = Duration::from_secs(input.overlap_seconds.map_or(0, Whole::get).into());
    let (text, sealed) = new_secret(&app.edge, id).await?;
    let next = rotate(&key, sealed, overlap, allowed.now());
    let change = Change::new("api_key.rotate", "api_key", id).in_tenant(key.tenant_id).replace(&key, &next);
    let view = NewApiKeyView::new(&next, &text);
    Created::commit(store, &allowed.actor, change, &location(id), &view).await
}
