//! `POST /jobs/{job}/retry`

use axum::extract::State;
use kernel::{
    id::JobId,
    job::{Job, Move, Owner},
    permission::JobsWrite,
};
use platform::{Allowed, Path, Result, View};
use store::{Change, Stored, job::DeadLetter};

use super::{JobView, change, find};
use crate::App;

/// The change that queues a job again: it is no dead letter any more.
pub(crate) fn requeue(job: &Stored<Job>, next: &Job) -> Change {
    let letter = DeadLetter::key_of(DeadLetter::id_of(job.id));
    Change::move_job(Move::Requeue, job, next).discard::<DeadLetter>(letter)
}

/// Tries a job again that has failed, died, expired or was cancelled.
///
/// It has all its attempts again, and goes on from where its last attempt has left it. A deadline that has passed does not
/// count any more. It runs on the caller's behalf from then on.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/retry", tag = "jobs",
    params(("job" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The job as it is now.", body = JobView),
        (status = 409, description = "It has succeeded, or has not ended."),
    ),
    extensions(("x-permission" = json!("jobs:write")), ("x-stream" = json!(true)))
)]
pub(crate) async fn retry_job(
    State(app): State<App>,
    allowed: Allowed<JobsWrite>,
    Path(id): Path<JobId>,
) -> Result<View<JobView>> {
    let store = app.edge.store();
    let job = find(store, allowed.tenant_id(), id, allowed.principal()).await?;
    let now = allowed.now();
    // Whoever wants it again answers for it; who asked before may be gone.
    let owner = Owner::of(allowed.principal());
    let decide = |job: &Stored<Job>| {
        let next = Job { owner: owner.clone(), ..job.requeued(now)? };
        let change = requeue(job, &next);
        Ok(Some((next, change)))
    };
    let job = change(store, &allowed.actor, job, decide).await?;
    Ok(View(JobView::from(&job)))
}
