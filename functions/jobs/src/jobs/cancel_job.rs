//! `POST /jobs/{job}/cancel`

use axum::extract::State;
use kernel::{id::JobId, job::Job, permission::JobsWrite};
use platform::{Allowed, Path, Result, View};
use store::{Change, Stored};

use super::{JobView, change, find};
use crate::App;

/// Cancels a job.
///
/// One that waits is cancelled at once. One that runs is asked to stop, which it is told within five seconds; until then
/// it is `running` with a `cancel_requested_at`, and should it be done before, it has succeeded.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/cancel", tag = "jobs",
    params(("job" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The job as it is now.", body = JobView),
        (status = 409, description = "It has ended."),
    ),
    extensions(("x-permission" = json!("jobs:write")), ("x-stream" = json!(true)))
)]
pub(crate) async fn cancel_job(
    State(app): State<App>,
    allowed: Allowed<JobsWrite>,
    Path(id): Path<JobId>,
) -> Result<View<JobView>> {
    let store = app.edge.store();
    let job = find(store, allowed.tenant_id(), id, allowed.principal()).await?;
    let now = allowed.now();
    let decide = |job: &Stored<Job>| {
        let next = job.cancelled(now)?;
        Ok(next.map(|next| {
            let change = Change::cancel_job(job, &next);
            (next, change)
        }))
    };
    let job = change(store, &allowed.actor, job, decide).await?;
    Ok(View(JobView::from(&job)))
}
