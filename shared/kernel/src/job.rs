//! Jobs: work that is done later, elsewhere, and at least once begun until it has ended.
//!
//! [`MOVES`] is the state machine, [`Job`] what is known of one job, and its methods decide what becomes of it: when
//! somebody cancels it, when a worker claims it, renews its lease, or tells how it ended. A worker writes only what these
//! answer, on condition that the job is still as it was read, so a worker that was taken for dead cannot.

mod decide;
mod retry;
mod status;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use decide::{Claim, Ending, Look, LostLease};
pub use retry::Retry;
pub use status::{MOVES, Move, ParseStatusError, Status};

use crate::{
    Principal, PrincipalKind, Role, Timestamp,
    id::{JobId, TenantId},
};

/// How long a worker has a job for itself before it says again that it is alive. It does so at half of that.
pub const LEASE: Duration = Duration::from_secs(30);

/// The longest that a message can wait in a queue (`DelaySeconds` of SQS).
pub const QUEUE_DELAY_MAX: Duration = Duration::from_mins(15);

/// What stands in a job's row at most of its result, in bytes of JSON: longer ones are objects of their own.
pub const RESULT_BYTES_MAX: usize = 256 * 1024;

/// The largest payload, in bytes of JSON: it is written again with each sign of life.
pub const PAYLOAD_BYTES_MAX: usize = 32 * 1024;

/// How long an ended job can be looked at.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// On whose behalf a job runs, and with which powers it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// Which.
    pub id: Uuid,
    /// Its role in the tenant.
    pub role: Role,
    /// What it was narrowed to, as the claim `scope` has it.
    pub scope: String,
}

impl Owner {
    /// Whoever this is.
    pub fn of(principal: &Principal) -> Self {
        Self {
            kind: principal.kind,
            id: principal.id,
            role: principal.role,
            scope: principal.scopes.clone().into(),
        }
    }
}

/// How far a job has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"done": 40, "total": 100, "message": "line 40"}))]
pub struct Progress {
    /// How much is done, in the job's own measure.
    pub done: u64,
    /// Out of how much, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What it is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"rule": "unavailable", "detail": "something this job depends on did not answer"}))]
pub struct Failure {
    /// Stable name of what went wrong, `snake_case`.
    pub rule: String,
    /// What it was, for whoever asked for the job.
    pub detail: String,
}

/// What a job has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// JSON, in the row itself.
    Inline(String),
    /// The key of an object with the JSON.
    Object(String),
}

/// What a type of job says about how its jobs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long an attempt may take.
    pub time_limit: Duration,
    /// How often it is tried, and how long after a failure.
    pub retry: Retry,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant it runs in.
    pub tenant_id: TenantId,
    /// The name of its type.
    #[serde(rename = "type")]
    pub job_type: String,
    /// The queue of its type, named by the environment variable that holds its URL.
    pub queue: String,
    /// Where it stands.
    pub status: Status,
    /// What is to be done, JSON as the type's schema has it.
    pub payload: String,
    /// Who wants it.
    pub owner: Owner,
    /// The request it was asked for in.
    pub request_id: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it is to run: the first time, or again.
    pub due_at: Timestamp,
    /// When it is too late for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// How many attempts have begun since it was queued.
    pub attempts: u32,
    /// When the last of them began; later by as long as it lay between two workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_began_at: Option<Timestamp>,
    /// Whether the next claim goes on with an attempt that was handed back.
    pub is_handed_back: bool,
    /// The fencing token: how often it was claimed. Who holds an older one has lost it.
    pub fence: u64,
    /// Until when the worker that has it has it for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// When somebody asked the worker to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested_at: Option<Timestamp>,
    /// When the sweeper looks whether its message got lost, or its time has come. Not when it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// Whether the sweeper sends its messages from now on, and not the relay.
    pub is_swept: bool,
    /// How far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Where the next attempt goes on: JSON of the type's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// What it has made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it was first begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A job as it is asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Its id.
    pub id: JobId,
    /// The tenant it is to run in.
    pub tenant_id: TenantId,
    /// The name of its type.
    pub job_type: &'a str,
    /// The queue of its type, named by the environment variable that holds its URL.
    pub queue: &'a str,
    /// What is to be done, JSON as the type's schema has it.
    pub payload: String,
    /// Who wants it.
    pub owner: Owner,
    /// The request it is asked for in.
    pub request_id: &'a str,
    /// Not to run before; a time that has passed is now.
    pub due_at: Timestamp,
    /// When it is too late for it, if that matters.
    pub deadline: Option<Timestamp>,
}

impl Job {
    /// A job that waits for its time.
    pub fn queued(wanted: Wanted<'_>, now: Timestamp) -> Self {
        let mut job = Self {
            id: wanted.id,
            tenant_id: wanted.tenant_id,
            job_type: wanted.job_type.to_owned(),
            queue: wanted.queue.to_owned(),
            status: Status::Queued,
            payload: wanted.payload,
            owner: wanted.owner,
            request_id: wanted.request_id.to_owned(),
            created_at: now,
            updated_at: now,
            due_at: now,
            deadline: wanted.deadline,
            attempts: 0,
            attempt_began_at: None,
            is_handed_back: false,
            fence: 0,
            lease_until: None,
            cancel_requested_at: None,
            look_at: None,
            is_swept: false,
            progress: None,
            checkpoint: None,
            outcome: None,
            failure: None,
            started_at: None,
            ended_at: None,
        };
        job.wait_until(wanted.due_at.max(now), now);
        job
    }
}

#[cfg(test)]
mod tests;
