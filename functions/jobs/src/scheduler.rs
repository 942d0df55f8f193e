//! `jobs-scheduler`: asks for the jobs that a clock wants.
//!
//! A schedule of the template names the type, the payload and its own moment, `<aws.scheduler.scheduled-time>`. The job's
//! id follows from those, so that a schedule that rings twice gets one job.

use std::sync::Arc;

use kernel::{
    Error, Result, Timestamp,
    id::{Id as _, JobId, uuid_v7},
    job::{Job, Owner, Timing},
};
use platform::{Boot, BootError, Clock, Function, auth::system, config::Reader, edge::read_tables};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use store::{Actor, Change, SealingKey, Store, audit, idempotency::ClaimSlot, job};

use crate::catalogue;

/// What a schedule's `Input` says.
#[derive(Debug, Deserialize)]
struct Wanted {
    /// The schedule's name.
    schedule: String,
    /// When it rang.
    at: Timestamp,
    /// The type of the job.
    #[serde(rename = "type")]
    job_type: String,
    /// Its payload.
    payload: Value,
}

#[derive(Clone, Debug)]
struct Scheduler {
    store: Store,
    clock: Clock,
}

/// The function behind the schedules.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn scheduler(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::SCHEDULER_NEEDS);
    let tables = read_tables(&mut env, &[job::TABLE, audit::TABLE]);
    let tables = env.finish(|| tables)?;
    let scheduler = Scheduler {
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        store: Store::new(&boot.aws, tables, SealingKey::throwaway()),
        clock: boot.clock.clone(),
    };
    Ok(Function::Schedule(Arc::new(move |event| {
        let scheduler = scheduler.clone();
        Box::pin(async move { scheduler.ask(event.detail).await })
    })))
}

impl Scheduler {
    /// Asks for the job that a schedule wants, unless that was done.
    async fn ask(&self, detail: Value) -> Result<()> {
        let wanted: Wanted = serde_json::from_value(detail)
            .map_err(|error| Error::internal("read what a schedule wants", error))?;
        let declared = catalogue::find(&wanted.job_type)?;
        declared.require_valid(&wanted.payload)?;
        let (principal, now) = (system(), self.clock.now());
        let request_id = format!("{}@{}", wanted.schedule, wanted.at);
        let job = Job::new(
            id_of(&wanted),
            principal.tenant_id,
            (&declared.name, &declared.queue),
            wanted.payload.to_string(),
            Owner::of(&principal),
            &request_id,
            Timing { due_at: now, deadline: None },
            now,
        );
        let actor =
            Actor { principal, request_id, client: "unknown".to_owned(), now, claim: ClaimSlot::default() };
        match self.store.commit(&actor, Change::enqueue_job(&job)).await {
            Ok(()) => tracing::info!(job_id = %job.id, schedule = wanted.schedule, "asked for"),
            Err(Error::Conflict { .. }) => tracing::info!(job_id = %job.id, "it was asked for before"),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The id of the job that a schedule wants at a moment.
fn id_of(wanted: &Wanted) -> JobId {
    let hash = digest(&SHA256, wanted.schedule.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash.as_ref()[..10]);
    JobId::from_uuid(uuid_v7(wanted.at, random))
}
