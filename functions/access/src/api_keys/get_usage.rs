//! `GET /admin/api-keys/{id}/usage`

use axum::extract::State;
use kernel::{Timestamp, id::ApiKeyId, permission::ApiKeysRead};
use platform::{Allowed, Path, Result, View, api_key::ApiKey};
use serde::Serialize;
use store::limit::{Allowance, HOURS_KEPT};

use super::find;
use crate::App;

/// How a key was used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "last_used_at": "2026-01-31T12:30:00.000Z",
    "hours": [{"hour": "2026-01-31T12:00:00.000Z", "requests": 42}]
}))]
pub(crate) struct UsageView {
    /// When it was last used, if that was in the last three days.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// The hours of the last three days in which it was used, oldest first.
    hours: Vec<HourView>,
}

/// One hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"hour": "2026-01-31T12:00:00.000Z", "requests": 42}))]
pub(crate) struct HourView {
    /// When it began.
    hour: Timestamp,
    /// Requests that its limit let through.
    requests: u64,
}

impl UsageView {
    fn of(allowance: Option<Allowance>, now: Timestamp) -> Self {
        let Some(allowance) = allowance else {
            return Self { last_used_at: None, hours: Vec::new() };
        };
        let hours = allowance
            .hours
            .into_iter()
            .map(|(hour, requests)| HourView { hour: Timestamp::from_seconds(hour * 3600), requests });
        let oldest = Timestamp::from_seconds(now.seconds() - HOURS_KEPT * 3600);
        Self { last_used_at: allowance.used_at, hours: hours.filter(|hour| hour.hour > oldest).collect() }
    }
}

/// Shows how an API key was used in the last three days, by hour.
#[utoipa::path(
    get, path = "/api/v1/admin/api-keys/{id}/usage", tag = "api keys",
    params(("id" = ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "Its usage.", body = UsageView)),
    extensions(("x-permission" = json!("api_keys:read")))
)]
pub(crate) async fn get_usage(
    State(app): State<App>,
    allowed: Allowed<ApiKeysRead>,
    Path(id): Path<ApiKeyId>,
) -> Result<View<UsageView>> {
    let store = app.edge.store();
    find(store, id).await?;
    let allowance = store.allowance(&ApiKey::subject(id)).await?;
    Ok(View(UsageView::of(allowance, allowed.now())))
}
