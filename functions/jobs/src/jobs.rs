//! `/jobs`

pub(crate) mod cancel_job;
pub(crate) mod enqueue;
pub(crate) mod get_events;
pub(crate) mod get_job;
pub(crate) mod list_jobs;
pub(crate) mod list_types;
pub(crate) mod retry_job;

use kernel::{
    Error, Principal, PrincipalKind, Result, Timestamp,
    id::{JobId, TenantId},
    job::{Failure, Job, Outcome, Progress, Status},
};
use platform::bucket::Bucket;
use serde::Serialize;
use serde_json::Value;
use store::{Actor, Change, Store, Stored, job};
use uuid::Uuid;

use crate::catalogue;

/// How often a change is tried while a worker writes to the job.
const TRIES: u32 = 10;

/// Where a job is found.
pub(crate) fn location(id: JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

/// A job of this tenant, as of all writes acknowledged before.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for a type whose jobs the caller may not see.
pub(crate) async fn find(
    store: &Store,
    tenant_id: TenantId,
    id: JobId,
    principal: &Principal,
) -> Result<Stored<Job>> {
    let job = store.get_consistent::<Job>(&job::key_of(tenant_id, id)).await?;
    let job = job.ok_or(Error::NotFound("job"))?;
    if !catalogue::may_see(&job.job_type, principal) {
        return Err(Error::Forbidden(
            format!("jobs of the type {} are not yours to see", job.job_type).into(),
        ));
    }
    Ok(job)
}

/// Changes a job, anew while its worker is faster. `decide` says what it becomes and by which change, or that nothing does.
///
/// # Errors
/// What `decide` refuses.
pub(crate) async fn change(
    store: &Store,
    actor: &Actor,
    mut job: Stored<Job>,
    decide: impl Fn(&Stored<Job>) -> Result<Option<(Job, Change)>>,
) -> Result<Job> {
    for _ in 0..TRIES {
        let Some((next, change)) = decide(&job)? else { return Ok(job.value) };
        match store.commit(actor, change).await {
            Ok(()) => return Ok(next),
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let read = store.get_consistent::<Job>(&job::key_of(job.tenant_id, job.id)).await?;
        job = read.ok_or(Error::NotFound("job"))?;
    }
    Err(store::changed_meanwhile())
}

/// Who asked for a job.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17"}))]
pub(crate) struct OwnerView {
    /// What kind of caller.
    kind: PrincipalKind,
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
}

/// A job.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "type": "demo.sleep", "status": "running",
    "progress": {"done": 2, "total": 5, "message": "slept 2 of 5 s"}, "attempts": 1,
    "requested_by": {"kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18"},
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:02.000Z",
    "due_at": "2026-01-31T12:00:00.000Z", "started_at": "2026-01-31T12:00:00.000Z"
}))]
pub(crate) struct JobView {
    /// Its id.
    id: JobId,
    /// The name of its type.
    #[serde(rename = "type")]
    job_type: String,
    /// Where it stands.
    status: Status,
    /// How far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// How many attempts have begun since it was queued.
    attempts: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    /// Who asked for it.
    requested_by: OwnerView,
    /// When it was asked for.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it is to run: the first time, or again.
    due_at: Timestamp,
    /// When it is too late for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    /// When it was first begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    /// When it was asked to stop; it has five seconds for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            job_type: job.job_type.clone(),
            status: job.status,
            progress: job.progress.clone(),
            attempts: job.attempts,
            error: job.failure.clone().filter(|_| job.status != Status::Succeeded),
            requested_by: OwnerView { kind: job.owner.kind, id: job.owner.id },
            created_at: job.created_at,
            updated_at: job.updated_at,
            due_at: job.due_at,
            deadline: job.deadline,
            started_at: job.started_at,
            cancel_requested_at: job.cancel_requested_at,
            ended_at: job.ended_at,
        }
    }
}

/// A job with what it was given and what it has made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "type": "demo.sleep", "status": "succeeded",
    "attempts": 1, "requested_by": {"kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18"},
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:05.000Z",
    "due_at": "2026-01-31T12:00:00.000Z", "started_at": "2026-01-31T12:00:00.000Z",
    "ended_at": "2026-01-31T12:00:05.000Z", "payload": {"seconds": 5}, "result": {"slept_seconds": 5}
}))]
pub(crate) struct WholeJobView {
    #[serde(flatten)]
    job: JobView,
    /// What it was asked to do.
    #[schema(value_type = Object)]
    payload: Value,
    /// What it has made, once it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
}

impl WholeJobView {
    /// Everything there is of a job; a result that is an object of its own is read.
    pub(crate) async fn of(job: &Job, results: &Bucket) -> Result<Self> {
        let result = match &job.outcome {
            None => None,
            Some(Outcome::Inline(json)) => Some(parse(json.as_bytes())?),
            Some(Outcome::Object(key)) => {
                let object = results.get(key).await?;
                Some(parse(&object.ok_or_else(|| Error::internal("read a result", "it is not there"))?)?)
            }
        };
        Ok(Self { job: job.into(), payload: parse(job.payload.as_bytes())?, result })
    }
}

fn parse(json: &[u8]) -> Result<Value> {
    serde_json::from_slice(json).map_err(|error| Error::internal("read what a job holds", error))
}
