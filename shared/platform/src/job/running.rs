//! A job's row while a worker has it: read and written by one at a time, and lost when another worker has claimed it.

use std::sync::Arc;

use kernel::{
    Error, Result,
    job::{Job, LostLease, Progress},
};
use store::{Actor, Change, Stored, job::key_of};
use tokio::sync::Mutex;

use super::desk::Desk;

/// How often a write is tried that somebody else was faster than: only whoever cancels the job may be.
const TRIES: u32 = 10;

/// The rule of a conflict with another worker.
const LOST: &str = "job_lost";

/// The rule of a conflict with whoever cancels the job.
const CHANGED: &str = "job_changed";

/// A job that a worker has claimed. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Running {
    fence: u64,
    row: Arc<Mutex<Stored<Job>>>,
}

impl Running {
    pub(super) fn new(claimed: Stored<Job>) -> Self {
        Self { fence: claimed.fence, row: Arc::new(Mutex::new(claimed)) }
    }

    pub(super) fn fence(&self) -> u64 {
        self.fence
    }

    /// The row as it was last read or written.
    pub(super) async fn current(&self) -> Stored<Job> {
        self.row.lock().await.clone()
    }

    /// Reads the row.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub(super) async fn read(&self, desk: &Desk) -> Result<Job> {
        let mut row = self.row.lock().await;
        self.refresh(desk, &mut row).await?;
        Ok(row.value.clone())
    }

    /// Renews the lease, with what there is to tell.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the rule `job_lost`; [`Error::Unavailable`].
    pub(super) async fn note(
        &self,
        desk: &Desk,
        progress: Option<Progress>,
        checkpoint: Option<String>,
    ) -> Result<()> {
        let mut row = self.row.lock().await;
        for _ in 0..TRIES {
            let next = row.renewed(self.fence, progress.clone(), checkpoint.clone(), desk.clock.now());
            if let Some(written) = desk.store.note_job(next.map_err(lost)?, &row).await? {
                *row = written;
                return Ok(());
            }
            self.refresh(desk, &mut row).await?;
        }
        Err(Error::unavailable("renew a job's lease", "somebody else kept being faster"))
    }

    /// Commits a change with the row's next checkpoint.
    pub(super) async fn commit(
        &self,
        desk: &Desk,
        actor: &Actor,
        checkpoint: &str,
        change: impl Fn() -> Change,
    ) -> Result<()> {
        let mut row = self.row.lock().await;
        // One that was there before says nothing of this change.
        let is_new = row.checkpoint.as_deref() != Some(checkpoint);
        for _ in 0..TRIES {
            let now = desk.clock.now();
            if is_new && row.checkpoint.as_deref() == Some(checkpoint) {
                return Ok(());
            }
            let next = row.renewed(self.fence, None, Some(checkpoint.to_owned()), now).map_err(lost)?;
            let changed = Error::conflict(CHANGED, "somebody else changed the job at the same time");
            let change = change().replace_first(&row, &next, changed);
            match desk.store.commit(actor, change).await {
                Ok(()) => {
                    *row = row.followed_by(next);
                    return Ok(());
                }
                Err(Error::Conflict { rule: CHANGED, .. }) => {}
                // It may be written, though nobody heard so in time: the next try tells.
                Err(error) if error.is_retryable() && is_new => {}
                Err(error) => return Err(error),
            }
            self.refresh(desk, &mut row).await?;
        }
        Err(Error::unavailable("commit what a job does", "somebody else kept being faster"))
    }

    async fn refresh(&self, desk: &Desk, row: &mut Stored<Job>) -> Result<()> {
        let read = desk.store.get_consistent::<Job>(&key_of(row.tenant_id, row.id)).await?;
        let gone = LostLease::Taken { held: self.fence, current: 0 };
        *row = read.ok_or_else(|| lost(gone))?;
        row.renewed(self.fence, None, None, desk.clock.now()).map(|_| ()).map_err(lost)
    }
}

/// Somebody else has the job, or nobody.
pub(super) fn lost(lease: LostLease) -> Error {
    Error::conflict(LOST, lease.to_string())
}

/// Whether an error says that the job is somebody else's by now.
pub(super) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Conflict { rule: LOST, .. })
}
