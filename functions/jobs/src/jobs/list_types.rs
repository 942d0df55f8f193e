//! `GET /jobs/types`

use kernel::{Permission, permission::JobsRead};
use platform::{Allowed, Result, View};
use serde::Serialize;
use serde_json::Value;

use crate::catalogue::{self, JobType};

/// The types of jobs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"items": [{
    "name": "demo.sleep", "summary": "Sleeps for some seconds and tells how far it is.", "permission": "jobs:write",
    "time_limit_seconds": 3660, "attempts_max": 5, "per_tenant_max": 10, "payload": {"type": "object"}
}]}))]
pub(crate) struct TypesView {
    /// Each, by name.
    items: Vec<TypeView>,
}

/// A type of jobs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "name": "demo.sleep", "summary": "Sleeps for some seconds and tells how far it is.", "permission": "jobs:write",
    "time_limit_seconds": 3660, "attempts_max": 5, "per_tenant_max": 10, "payload": {"type": "object"}
}))]
pub(crate) struct TypeView {
    /// What it is asked for by.
    name: &'static str,
    /// What its jobs do.
    summary: &'static str,
    /// What one must be allowed to ask for such a job, and to see what it made.
    #[schema(value_type = String)]
    permission: Permission,
    /// How long an attempt may take.
    time_limit_seconds: u64,
    /// How often it is tried.
    attempts_max: u32,
    /// How many run at once in one tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_tenant_max: Option<u32>,
    /// What a payload looks like (JSON Schema 2020-12).
    #[schema(value_type = Object)]
    payload: &'static Value,
}

impl From<&'static JobType> for TypeView {
    fn from(declared: &'static JobType) -> Self {
        Self {
            name: &declared.name,
            summary: &declared.summary,
            permission: declared.permission,
            time_limit_seconds: declared.time_limit_seconds,
            attempts_max: declared.attempts_max,
            per_tenant_max: declared.per_tenant_max,
            payload: &declared.payload,
        }
    }
}

/// Lists the types of jobs, with the schema of their payloads.
#[utoipa::path(
    get, path = "/api/v1/jobs/types", tag = "jobs",
    responses((status = 200, description = "Every type.", body = TypesView)),
    extensions(("x-permission" = json!("jobs:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn list_types(_: Allowed<JobsRead>) -> Result<View<TypesView>> {
    Ok(View(TypesView { items: catalogue::every().map(TypeView::from).collect() }))
}
