//! `/admin/dead-letters`

pub(crate) mod list_dead_letters;
pub(crate) mod redrive;

use kernel::{
    Timestamp,
    id::{DeadLetterId, JobId, TenantId},
};
use serde::Serialize;
use store::job::{DeadJob, DeadLetter};

/// What could not be delivered, or failed in every attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "at": "2026-01-31T12:00:00.000Z", "queue": "JOBS_QUEUE_URL",
    "reason": "unavailable: something this job depends on did not answer",
    "job": {
        "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "tenant_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18",
        "type": "demo.sleep"
    }
}))]
pub(crate) struct DeadLetterView {
    /// Its id; a job's is that of the job.
    id: DeadLetterId,
    /// When it became one.
    at: Timestamp,
    /// The queue it was in, as workers call it.
    queue: String,
    /// Why.
    reason: String,
    /// The job, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<DeadJobView>,
    /// The message, if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { id, at, queue, reason, job, body } = letter;
        let job = job.map(|DeadJob { id, tenant_id, job_type }| DeadJobView { id, tenant_id, job_type });
        Self { id, at, queue, reason, job, body }
    }
}

/// Which job a dead letter is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "tenant_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18",
    "type": "demo.sleep"
}))]
pub(crate) struct DeadJobView {
    /// Its id.
    id: JobId,
    /// The tenant it runs in.
    tenant_id: TenantId,
    /// The name of its type.
    #[serde(rename = "type")]
    job_type: String,
}
