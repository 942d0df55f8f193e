//! `GET /jobs/{job}`

use axum::{extract::State, response::Response};
use kernel::{id::JobId, permission::JobsRead};
use platform::{Allowed, Conditional, Path, Result};

use super::{WholeJobView, find};
use crate::App;

/// Shows a job, with what it was given and what it has made.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}", tag = "jobs",
    params(
        ("job" = JobId, Path, description = "The job"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The job.", body = WholeJobView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("jobs:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_job(
    State(app): State<App>,
    allowed: Allowed<JobsRead>,
    conditional: Conditional,
    Path(id): Path<JobId>,
) -> Result<Response> {
    let job = find(app.edge.store(), allowed.tenant_id(), id, allowed.principal()).await?;
    conditional.answer(&WholeJobView::of(&job, &app.results).await?)
}
