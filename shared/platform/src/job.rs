//! Jobs: types of them, and the worker behind a queue that runs them.
//!
//! A type is a struct, which is the payload: what derives its JSON and its schema, and [`Work`], which says how it is run.
//! A group's worker Lambda is a [`Worker`] that knows the group's types; `cargo xtask sync` writes what they declare
//! where the group `jobs` reads it, so that a payload is checked at the door without that group knowing any other.
//!
//! A job runs in one worker at a time: [`kernel::job`] decides who, by a lease with a fencing token. It may be begun again,
//! when a worker was killed, so its effects have to be such that twice is once; [`Context::commit`] makes them so.

mod context;
mod desk;
mod running;
mod worker;

use std::time::Duration;

use kernel::{
    Error, Fault, Permission, Result,
    id::{TenantId, UserId},
    job::{Failure, Job, Owner, Terms, Wanted},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use store::Actor;
use utoipa::ToSchema;

use crate::{auth::system, ids};

pub use context::{Context, Signal};
pub use worker::{Worker, WorkerConfig};

/// The queue of the group `jobs`'s worker, named by the environment variable that holds its URL.
pub const JOBS_QUEUE: &str = "JOBS_QUEUE_URL";

/// The queue of the group `audit`'s worker.
pub const AUDIT_QUEUE: &str = "AUDIT_JOBS_QUEUE_URL";

/// The queue of the group `identity`'s worker.
pub const IDENTITY_QUEUE: &str = "IDENTITY_JOBS_QUEUE_URL";

/// The queue of every worker.
pub const QUEUES: [&str; 3] = [JOBS_QUEUE, AUDIT_QUEUE, IDENTITY_QUEUE];

/// The dead-letter queue of every worker.
pub const DEAD_LETTERS: &str = "JOBS_DEAD_LETTER_QUEUE_URL";

/// The variable that names the bucket with what jobs read and write: files, and results that are too long for a row.
pub const FILES: &str = "JOBS_BUCKET";

/// What is said of a type of jobs.
#[derive(Clone, Copy, Debug)]
pub struct JobType {
    /// Its name, `noun.verb`: what it is asked for by.
    pub name: &'static str,
    /// What its jobs do, in a sentence.
    pub summary: &'static str,
    /// The queue, named by the environment variable that holds its URL.
    pub queue: &'static str,
    /// What whoever asks for such a job must be allowed besides `jobs:write`.
    pub permission: Permission,
    /// How long an attempt may take, and how often it is tried.
    pub terms: Terms,
    /// How many of its jobs run at once in one tenant, if that is limited.
    pub per_tenant_max: Option<u32>,
}

/// A type of jobs: the struct is the payload.
pub trait Work: DeserializeOwned + ToSchema + Send + Sync + 'static {
    /// What is said of it.
    const TYPE: JobType;

    /// What it works with: stores, buckets, clients.
    type Ground: Clone + Send + Sync + 'static;

    /// What it makes.
    type Output: Serialize + Send;

    /// Does it. Dropped where it stands when the job is cancelled, its deadline has passed or its worker has to stop, after
    /// a moment in which [`Context::stopped`] tells it so.
    ///
    /// # Errors
    /// A [retryable](Error::is_retryable) one makes another attempt follow; any other is the end of the job.
    fn run(&self, ground: &Self::Ground, ctx: &Context) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// The type of the jobs that cancel jobs: the group `jobs` runs them, and whoever ends an account or a tenant asks for one.
pub const CANCEL_ALL: &str = "jobs.cancel_all";

/// For so long after an account has gone a request may still ask for a job with its tokens: revocations are read every 5 s,
/// and clocks differ a little.
const AFTERMATH: Duration = Duration::from_secs(15);

/// A job that cancels the jobs of somebody, or of everybody, in these tenants: to be made in the change that takes away what
/// they were asked for with.
pub fn cancel_all(tenant_ids: &[TenantId], user_id: Option<UserId>, actor: &Actor) -> Job {
    let system = system();
    let wanted = Wanted {
        id: ids::new(actor.now),
        tenant_id: system.tenant_id,
        job_type: CANCEL_ALL,
        queue: JOBS_QUEUE,
        payload: serde_json::json!({ "tenant_ids": tenant_ids, "user_id": user_id }).to_string(),
        owner: Owner::of(&system),
        request_id: &actor.request_id,
        due_at: actor.now + AFTERMATH,
        deadline: None,
    };
    Job::queued(wanted, actor.now)
}

/// What `openapi/job-types.json` says of a type.
pub fn declaration<W: Work>() -> Value {
    let JobType { name, summary, queue, permission, terms, per_tenant_max } = W::TYPE;
    let mut schema = serde_json::to_value(W::schema()).unwrap_or_default();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    serde_json::json!({
        "name": name,
        "summary": summary,
        "queue": queue,
        "permission": permission,
        "time_limit_seconds": terms.time_limit.as_secs(),
        "attempts_max": terms.retry.attempts_max,
        "retry_base_seconds": terms.retry.base.as_secs(),
        "retry_wait_max_seconds": terms.retry.wait_max.as_secs(),
        "per_tenant_max": per_tenant_max,
        "payload": schema,
    })
}

/// What whoever asked for a job is told of why it failed. Causes are for the log.
pub(crate) fn failure_of(error: &Error) -> Failure {
    let (rule, detail) = match error {
        Error::Conflict { rule, detail } => (*rule, detail.to_string()),
        Error::Invalid(faults) => ("invalid", told(faults)),
        Error::Malformed(detail) => ("malformed", detail.to_string()),
        Error::Forbidden(detail) => ("forbidden", detail.to_string()),
        Error::NotFound(what) => ("not_found", format!("there is no such {what}")),
        Error::TooLarge { limit_bytes } => ("too_large", format!("it is larger than {limit_bytes} bytes")),
        Error::Unavailable { .. } => {
            ("unavailable", "something this job depends on did not answer".to_owned())
        }
        Error::InProgress { .. } | Error::TooManyRequests { .. } => {
            ("busy", "something this job depends on was busy".to_owned())
        }
        Error::Unauthenticated(_)
        | Error::OAuth { .. }
        | Error::PreconditionFailed
        | Error::UnsupportedMediaType { .. }
        | Error::Internal { .. } => {
            ("internal", "this is our fault; the log has more under the request's id".to_owned())
        }
    };
    Failure { rule: rule.to_owned(), detail }
}

fn told(faults: &[Fault]) -> String {
    let faults: Vec<String> =
        faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
    faults.join("; ")
}
