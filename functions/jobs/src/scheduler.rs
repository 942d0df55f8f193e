//! `jobs-scheduler`: asks for the jobs that a clock wants.
//!
//! A schedule of the template names the type, the payload and its own moment, `<aws.scheduler.scheduled-time>`. The job's
//! id follows from those, so that a schedule that rings twice gets one job.

use std::sync::Arc;

use kernel::{
    Error, Result, Timestamp,
    id::{Id as _, JobId, uuid_v7},
    job::{Job, Owner, Wanted},
};
use platform::{Boot, BootError, Clock, Function, auth::by_itself, config::Reader, edge::read_tables};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use store::{Change, SealingKey, Store, audit, job};

use crate::catalogue;

/// What a schedule's `Input` says.
#[derive(Debug, Deserialize)]
struct Ring {
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
        let ring: Ring = serde_json::from_value(detail)
            .map_err(|error| Error::internal("read what a schedule wants", error))?;
        let declared = catalogue::find(&ring.job_type)?;
        declared.require_valid(&ring.payload)?;
        let now = self.clock.now();
        let actor = by_itself(format!("{}@{}", ring.schedule, ring.at), now);
        let wanted = Wanted {
            id: id_of(&ring),
            tenant_id: actor.principal.tenant_id,
            job_type: &declared.name,
            queue: &declared.queue,
            payload: ring.payload.to_string(),
            owner: Owner::of(&actor.principal),
            request_id: &actor.request_id,
            due_at: now,
            deadline: None,
        };
        let job = Job::queued(wanted, now);
        match self.store.commit(&actor, Change::enqueue_job(&job)).await {
            Ok(()) => tracing::info!(job_id = %job.id, schedule = ring.schedule, "asked for"),
            Err(Error::Conflict { .. }) => tracing::info!(job_id = %job.id, "it was asked for before"),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The id of the job that a schedule wants at a moment.
fn id_of(ring: &Ring) -> JobId {
    let hash = digest(&SHA256, ring.schedule.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash.as_ref()[..10]);
    JobId::from_uuid(uuid_v7(ring.at, random))
}
