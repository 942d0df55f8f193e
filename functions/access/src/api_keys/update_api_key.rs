//! `PATCH /admin/api-keys/{id}`

use std::num::NonZeroU32;

use axum::{extract::State, response::Response};
use kernel::{
    DisplayName, Error, Permission, Rate, Timestamp, id::ApiKeyId, input::Field, permission::ApiKeysWrite,
};
use platform::{Allowed, Conditional, Json, Path, Result, api_key::ApiKey, telemetry::causes};
use store::{Change, Store};

use super::{ApiKeyView, find};
use crate::{
    App,
    cidr::Cidr,
    policy::{self, PerMinute},
};

kernel::input! {
    /// What to change; what is absent stays.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"name": "Hourly export", "expires_at": null}))]
    pub(crate) struct UpdateApiKey {
        /// What people call it.
        name: Option<DisplayName>,
        /// What it is narrowed to.
        #[schema(value_type = Option<Vec<String>>)]
        scopes: Option<Vec<Permission>>,
        /// Requests a minute.
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
        rate_per_minute: Option<PerMinute>,
        /// Requests at once.
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
        burst: Option<PerMinute>,
        /// Until when it may be used; forever with `null`.
        #[schema(value_type = Option<Timestamp>)]
        expires_at: Field<Timestamp>,
        /// Where it may be used from; anywhere when empty.
        #[schema(value_type = Option<Vec<String>>, max_items = 50)]
        cidrs: Option<Vec<Cidr>>,
    }
}

impl UpdateApiKey {
    /// What the key becomes.
    fn decide(self, key: &ApiKey, now: Timestamp) -> Result<ApiKey, Error> {
        let mut next = key.clone();
        (next.rate_per_minute, next.burst) = self.rate(key);
        if let Some(name) = self.name {
            name.as_str().clone_into(&mut next.name);
        }
        if let Some(scopes) = self.scopes {
            next.scopes = policy::scopes(Some(scopes), key.role)?;
        }
        if let Some(cidrs) = self.cidrs {
            next.cidrs = policy::cidrs(cidrs)?;
        }
        if let Field::Set(at) = self.expires_at {
            policy::expiry(at, now)?;
        }
        next.expires_at = self.expires_at.apply(key.expires_at);
        Ok(next)
    }

    /// Requests a minute, and at once.
    fn rate(&self, key: &ApiKey) -> (NonZeroU32, NonZeroU32) {
        (policy::rate(self.rate_per_minute, key.rate_per_minute), policy::rate(self.burst, key.burst))
    }
}

/// Changes an API key. It is seen everywhere within 5 seconds.
#[utoipa::path(
    patch, path = "/api/v1/admin/api-keys/{id}", tag = "api keys", request_body = UpdateApiKey,
    params(
        ("id" = ApiKeyId, Path, description = "The key"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the key that the client saw"),
    ),
    responses(
        (status = 200, description = "The key as it is now.", body = ApiKeyView, headers(("ETag" = String))),
        (status = 409, description = "Somebody else changed it at the same time."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("api_keys:write")))
)]
pub(crate) async fn update_api_key(
    State(app): State<App>,
    allowed: Allowed<ApiKeysWrite>,
    conditional: Conditional,
    Path(id): Path<ApiKeyId>,
    Json(input): Json<UpdateApiKey>,
) -> Result<Response> {
    let store = app.edge.store();
    let key = find(store, id).await?;
    let now = allowed.now();
    let (per_minute, burst) = input.rate(&key);
    let amendment = conditional.amend(
        store,
        &allowed.actor,
        &key,
        |key| ApiKeyView::from(key),
        |key| {
            let next = input.decide(key, now)?;
            if next == *key {
                return Ok(None);
            }
            let change = Change::new("api_key.update", "api_key", id).in_tenant(key.tenant_id);
            Ok(Some((ApiKey { updated_at: now, ..next }, change)))
        },
    );
    let response = amendment.await?;
    carry_over(store, &key, Rate::new(per_minute, burst), now).await;
    Ok(response)
}

/// What the key has used counts at its new rate. When that fails, it waits as long as it would have at the old one.
async fn carry_over(store: &Store, key: &ApiKey, to: Rate, now: Timestamp) {
    let from = key.rate();
    if from != to
        && let Err(error) = store.change_rate(&ApiKey::subject(key.id), from, to, now).await
    {
        tracing::warn!(error = causes(&error), "a key waits as its old rate has it");
    }
}
