//! What a job knows of itself while it runs.

use std::sync::{Mutex, PoisonError};

use kernel::{
    Error, Principal, Result, Timestamp,
    id::{JobId, TenantId},
    job::{Job, Progress},
    principal::Scopes,
};
use serde::{Serialize, de::DeserializeOwned};
use store::{Actor, Change};
use tokio::sync::watch;

use super::{desk::Desk, running::Running};
use crate::auth::by_itself;

/// Why a job has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Somebody does not want it any more.
    Cancelled,
    /// Its deadline has passed.
    Expired,
    /// Its worker has to stop; another goes on from the last checkpoint.
    Interrupted,
    /// This worker was taken for dead, and another may have it.
    Lost,
}

/// What a job knows of itself, and what it tells.
#[derive(Debug)]
pub struct Context {
    job: Job,
    desk: Desk,
    pub(super) running: Running,
    pub(super) told: Mutex<Option<Progress>>,
    pub(super) signal: watch::Sender<Option<Signal>>,
}

impl Context {
    pub(super) fn new(job: Job, desk: Desk, running: Running) -> Self {
        Self { job, desk, running, told: Mutex::default(), signal: watch::Sender::new(None) }
    }

    /// The job.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// The tenant it runs in.
    pub fn tenant_id(&self) -> TenantId {
        self.job.tenant_id
    }

    /// The request it was asked for in.
    pub fn request_id(&self) -> &str {
        &self.job.request_id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.job.attempts
    }

    /// The fencing token: greater than that of any worker that had the job before. For what is outside of the tables, and
    /// refuses whoever comes with a lower one than it has seen.
    pub fn fence(&self) -> u64 {
        self.job.fence
    }

    /// When it is too late for the job.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.job.deadline
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.desk.clock.now()
    }

    /// On whose behalf it runs, with what they might do when they asked for it.
    pub fn principal(&self) -> Principal {
        let owner = &self.job.owner;
        Principal {
            kind: owner.kind,
            id: owner.id,
            tenant_id: self.job.tenant_id,
            role: owner.role,
            scopes: Scopes::parse(&owner.scope),
            session_id: None,
        }
    }

    /// The actor of what it changes.
    pub fn actor(&self) -> Actor {
        Actor { principal: self.principal(), ..by_itself(self.job.request_id.clone(), self.now()) }
    }

    /// Tells how far it is. Costs nothing: it is written within a second, and what was told in between is not.
    pub fn report(&self, progress: Progress) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// Where the worker before has left it, if one has said so.
    ///
    /// # Errors
    /// [`Error::Internal`] when it has not this form.
    pub async fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let kept = self.running.current().await.value.checkpoint;
        kept.map(|kept| serde_json::from_str(&kept))
            .transpose()
            .map_err(|error| Error::internal("read a checkpoint", error))
    }

    /// Keeps where it is: the next attempt goes on from here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be written; [`Error::Conflict`] with the rule `job_lost` when this worker was
    /// taken for dead.
    pub async fn save(&self, checkpoint: &impl Serialize) -> Result<()> {
        let kept = encode(checkpoint)?;
        self.running.note(&self.desk, self.take_told(), Some(kept)).await
    }

    /// Carries out a change together with the checkpoint that says so, each with one of its own: done once, however often
    /// the job is begun, and refused to a worker that has lost it. `change` makes the change, more than once when somebody
    /// else writes to the job at the same moment.
    ///
    /// # Errors
    /// Those of the change; [`Error::Conflict`] with the rule `job_lost` when this worker was taken for dead.
    pub async fn commit(&self, checkpoint: &impl Serialize, change: impl Fn() -> Change) -> Result<()> {
        let kept = encode(checkpoint)?;
        self.running.commit(&self.desk, &self.actor(), &kept, change).await
    }

    /// Returns when the job has to stop, and says why. It is dropped a moment later.
    pub async fn stopped(&self) -> Signal {
        let mut signal = self.signal.subscribe();
        match signal.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The sender is a field of this.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    pub(super) fn take_told(&self) -> Option<Progress> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn encode(checkpoint: &impl Serialize) -> Result<String> {
    serde_json::to_string(checkpoint).map_err(|error| Error::internal("write a checkpoint", error))
}
