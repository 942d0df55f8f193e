//! Jobs: work that is done later, elsewhere, and at least once begun until it has ended.
//!
//! [`MOVES`] is the state machine, [`Job`] what is known of one job, and its methods decide what becomes of it: when
//! somebody cancels it, when a worker claims it, renews its lease, or tells how it ended. A worker writes only what these
//! answer, on condition that the job is still as it was read, so a worker that was taken for dead cannot.

mod decide;
mod retry;

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use decide::{Claim, Ending, Look, LostLease};
pub use retry::Retry;

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

macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $error:ident, $must:literal: $($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        #[doc = concat!("The text names no ", stringify!($name), ".")]
        #[derive(Debug, thiserror::Error)]
        #[error($must)]
        pub struct $error;

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|one| one.name() == text).ok_or($error)
            }
        }
    };
}

named! {
    /// Where a job stands.
    Status, ParseStatusError,
    "must be one of queued, running, retrying, succeeded, failed, cancelled, expired, dead":
    /// It waits for a worker, or for its time.
    Queued = "queued",
    /// A worker has it.
    Running = "running",
    /// An attempt failed, and it waits for the next.
    Retrying = "retrying",
    /// It is done.
    Succeeded = "succeeded",
    /// It cannot be done: trying again would not help.
    Failed = "failed",
    /// Somebody did not want it any more.
    Cancelled = "cancelled",
    /// Its deadline came first.
    Expired = "expired",
    /// Every attempt failed. It is among the dead letters.
    Dead = "dead",
}

crate::text_input!(Status);

named! {
    /// What happens to a job.
    Move, ParseMoveError,
    "must name a move":
    /// A worker takes it.
    Claim = "claim",
    /// A worker that has to stop gives it back; the attempt goes on elsewhere.
    HandBack = "hand_back",
    /// It is done.
    Succeed = "succeed",
    /// It cannot be done.
    Fail = "fail",
    /// An attempt failed, and there is another.
    Retry = "retry",
    /// The last attempt failed.
    Die = "die",
    /// Somebody does not want it any more.
    Cancel = "cancel",
    /// Its deadline has come.
    Expire = "expire",
    /// Somebody wants it again.
    Requeue = "requeue",
}

/// The state machine: what may happen to a job in which status, and where it stands then. What is not here cannot happen.
pub const MOVES: &[(Move, &[Status], Status)] = &[
    // From `running` when the worker that had it is gone: its lease is over.
    (Move::Claim, &[Status::Queued, Status::Retrying, Status::Running], Status::Running),
    (Move::HandBack, &[Status::Running], Status::Queued),
    (Move::Succeed, &[Status::Running], Status::Succeeded),
    (Move::Fail, &[Status::Running], Status::Failed),
    (Move::Retry, &[Status::Running], Status::Retrying),
    // From elsewhere when no worker could be given it.
    (Move::Die, &[Status::Running, Status::Queued, Status::Retrying], Status::Dead),
    (Move::Cancel, &[Status::Queued, Status::Retrying, Status::Running], Status::Cancelled),
    (Move::Expire, &[Status::Queued, Status::Retrying, Status::Running], Status::Expired),
    (Move::Requeue, &[Status::Failed, Status::Cancelled, Status::Expired, Status::Dead], Status::Queued),
];

impl Status {
    /// Where a job of this status stands after a move; `None` when it cannot happen.
    pub fn after(self, happening: Move) -> Option<Self> {
        let (_, from, to) = MOVES.iter().find(|(of, ..)| *of == happening)?;
        from.contains(&self).then_some(*to)
    }

    /// Whether no worker has anything to do with it any more.
    pub fn is_ended(self) -> bool {
        self.after(Move::Claim).is_none()
    }
}

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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<u64>,
    /// What it is at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deadline: Option<Timestamp>,
    /// How many attempts have begun since it was queued.
    #[serde(default)]
    pub attempts: u32,
    /// When the last of them began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt_began_at: Option<Timestamp>,
    /// Whether the next claim goes on with an attempt that was handed back.
    #[serde(default)]
    pub is_handed_back: bool,
    /// The fencing token: how often it was claimed. Who holds an older one has lost it.
    #[serde(default)]
    pub fence: u64,
    /// Until when the worker that has it has it for itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lease_until: Option<Timestamp>,
    /// When somebody asked the worker to stop.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancel_requested_at: Option<Timestamp>,
    /// When the sweeper looks whether its message got lost, or its time has come. Not when it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look_at: Option<Timestamp>,
    /// Whether the sweeper sends its messages from now on, and not the relay.
    #[serde(default)]
    pub is_swept: bool,
    /// How far it has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
    /// Where the next attempt goes on: JSON of the type's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkpoint: Option<String>,
    /// What it has made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// When it was first begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
}

/// When a job is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Not before.
    pub due_at: Timestamp,
    /// Not after, if that matters.
    pub deadline: Option<Timestamp>,
}

impl Job {
    /// A job that waits for its time, of a type and for its queue.
    #[expect(clippy::too_many_arguments, reason = "each is a thing of its own, told once, by the one caller")]
    pub fn new(
        id: JobId,
        tenant_id: TenantId,
        (job_type, queue): (&str, &str),
        payload: String,
        owner: Owner,
        request_id: &str,
        timing: Timing,
        now: Timestamp,
    ) -> Self {
        let mut job = Self {
            id,
            tenant_id,
            job_type: job_type.to_owned(),
            queue: queue.to_owned(),
            status: Status::Queued,
            payload,
            owner,
            request_id: request_id.to_owned(),
            created_at: now,
            updated_at: now,
            due_at: now,
            deadline: timing.deadline,
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
        job.wait_until(timing.due_at.max(now), now);
        job
    }
}

#[cfg(test)]
mod tests;
