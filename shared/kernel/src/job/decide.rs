//! What becomes of a job.

use std::time::Duration;

use super::{Failure, Job, LEASE, Move, Outcome, Progress, QUEUE_DELAY_MAX, Status, Terms};
use crate::{Error, Result, Timestamp, id::Id as _};

/// How long after its time a job that no worker has begun is looked at: its message may be lost.
const GRACE: Duration = Duration::from_mins(1);

/// How long after the sweeper has sent a message it looks again: a queue may be long.
const LOOK_AGAIN: Duration = QUEUE_DELAY_MAX;

/// How long before its time the message of a job is sent that is to run later than a queue can wait.
const AHEAD: Duration = Duration::from_mins(5);

/// What a worker does with a message about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It runs the job, once this is written.
    Run(Box<Job>),
    /// It writes this, because the job ends without running.
    End(Box<Job>, Move),
    /// It lets the message come again after so long: somebody else has the job, or its time has not come.
    Wait(Duration),
    /// Nothing: the job has ended.
    Drop,
}

/// What the sweeper does with a job that it looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It writes this, because the deadline has passed.
    End(Box<Job>, Move),
    /// It sends a message that arrives after so long, and writes this.
    Send(Box<Job>, Duration),
    /// It writes this, and looks again then.
    Later(Box<Job>),
    /// Nothing.
    Leave,
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It made this.
    Done(Outcome),
    /// It failed, and another attempt may not.
    Stumbled(Failure),
    /// It failed for good.
    Failed(Failure),
    /// The worker saw that it was cancelled, and stopped.
    Cancelled,
    /// The worker saw that its deadline had passed, and stopped.
    Expired,
    /// The worker has to stop; somebody else goes on.
    HandedBack,
}

/// Whoever believed to have the job was taken for dead, and may not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostLease {
    /// Somebody else has the job, or it has ended.
    #[error("the lease was lost: the job has the token {current}, and the worker {held}")]
    Taken {
        /// The token the worker has.
        held: u64,
        /// The job's.
        current: u64,
    },
    /// Nobody else has it yet, and anybody may.
    #[error("the lease lapsed at {at}")]
    Lapsed {
        /// When it ended.
        at: Timestamp,
    },
}

impl Job {
    /// What a worker that got a message about it does.
    pub fn claim(&self, now: Timestamp, terms: &Terms) -> Claim {
        if self.status.is_ended() {
            return Claim::Drop;
        }
        if self.is_leased(now) {
            return Claim::Wait(self.lease_until.unwrap_or(now).since(now));
        }
        if self.is_too_late(now) {
            return self.closing(Move::Expire, None, now);
        }
        if self.cancel_requested_at.is_some() {
            return self.closing(Move::Cancel, None, now);
        }
        if now < self.due_at {
            return Claim::Wait(self.due_at.since(now));
        }
        if self.attempts >= terms.retry.attempts_max && !self.is_handed_back {
            let failure = self.failure.clone().unwrap_or_else(Failure::vanished);
            return self.closing(Move::Die, Some(failure), now);
        }
        let Some(mut next) = self.moved(Move::Claim, now) else { return Claim::Drop };
        next.fence += 1;
        if !self.is_handed_back {
            next.attempts += 1;
            next.attempt_began_at = Some(now);
        } else if let Some(began) = self.attempt_began_at {
            // The time in which nobody had it is none of the attempt's.
            next.attempt_began_at = Some(began + now.since(self.updated_at));
        }
        next.is_handed_back = false;
        next.lease_until = Some(now + LEASE);
        next.started_at = self.started_at.or(Some(now));
        // Should everybody forget it, its worker and the queue: later than that it cannot be running.
        next.look_at = Some(now + terms.time_limit + LEASE);
        Claim::Run(Box::new(next))
    }

    /// The job with its lease renewed, and what there is to tell of it.
    ///
    /// # Errors
    /// [`LostLease`].
    pub fn renewed(
        &self,
        fence: u64,
        progress: Option<Progress>,
        checkpoint: Option<String>,
        now: Timestamp,
    ) -> Result<Self, LostLease> {
        self.require_held(fence, now)?;
        Ok(Self {
            lease_until: Some(now + LEASE),
            progress: progress.or_else(|| self.progress.clone()),
            checkpoint: checkpoint.or_else(|| self.checkpoint.clone()),
            updated_at: now,
            ..self.clone()
        })
    }

    /// The job after an attempt, and what has happened to it.
    ///
    /// # Errors
    /// [`LostLease`].
    pub fn ended(
        &self,
        fence: u64,
        ending: Ending,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(Self, Move), LostLease> {
        self.require_held(fence, now)?;
        let is_cancelled = self.cancel_requested_at.is_some();
        let (happening, outcome, failure) = match ending {
            // Who was told that it will be cancelled is not told something else because the attempt ended otherwise.
            Ending::Stumbled(_) | Ending::HandedBack if is_cancelled => {
                (Move::Cancel, None, self.failure.clone())
            }
            Ending::Done(outcome) => (Move::Succeed, Some(outcome), None),
            Ending::Failed(failure) => (Move::Fail, None, Some(failure)),
            Ending::Cancelled => (Move::Cancel, None, self.failure.clone()),
            Ending::Expired => (Move::Expire, None, self.failure.clone()),
            Ending::HandedBack => (Move::HandBack, None, self.failure.clone()),
            Ending::Stumbled(failure) if self.attempts >= terms.retry.attempts_max => {
                (Move::Die, None, Some(failure))
            }
            Ending::Stumbled(failure) => (Move::Retry, None, Some(failure)),
        };
        let lost = LostLease::Taken { held: fence, current: self.fence };
        let mut next = self.moved(happening, now).ok_or(lost)?;
        (next.outcome, next.failure) = (outcome, failure);
        next.is_handed_back = happening == Move::HandBack;
        next.checkpoint = next.checkpoint.filter(|_| happening != Move::Succeed);
        if !next.status.is_ended() {
            let wait = match happening {
                Move::Retry => terms.retry.wait(self.attempts, self.share()),
                _ => Duration::ZERO,
            };
            next.wait_until(now + wait, now);
        }
        Ok((next, happening))
    }

    /// What it becomes when somebody does not want it any more: cancelled at once, or asked to stop while it runs.
    /// `None` when it was asked already.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended.
    pub fn cancelled(&self, now: Timestamp) -> Result<Option<Self>> {
        if self.status == Status::Running && self.cancel_requested_at.is_some() {
            return Ok(None);
        }
        let ended = self.moved(Move::Cancel, now).ok_or_else(|| {
            let detail = format!("the job is {}; only one that has not ended can be cancelled", self.status);
            Error::conflict("job_has_ended", detail)
        })?;
        let asked = Self { cancel_requested_at: Some(now), ..self.clone() };
        Ok(Some(if self.status == Status::Running { asked } else { ended }))
    }

    /// What it becomes when somebody wants it again: queued, with all its attempts, from its last checkpoint on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it succeeded, or has not ended.
    pub fn requeued(&self, now: Timestamp) -> Result<Self> {
        let mut next = self.moved(Move::Requeue, now).ok_or_else(|| {
            let detail = format!(
                "the job is {}; only one that failed, died, expired or was cancelled can be tried again",
                self.status
            );
            Error::conflict("job_cannot_be_retried", detail)
        })?;
        next.attempts = 0;
        next.attempt_began_at = None;
        next.is_handed_back = false;
        next.ended_at = None;
        // It has passed already, where it ended it; whoever asks again wants it in spite of that.
        next.deadline = self.deadline.filter(|deadline| *deadline > now);
        next.wait_until(now, now);
        Ok(next)
    }

    /// What it becomes when no worker can run it; `None` while one has it.
    pub fn undeliverable(&self, failure: Failure, now: Timestamp) -> Option<Self> {
        if self.is_leased(now) {
            return None;
        }
        match self.closing(Move::Die, Some(failure), now) {
            Claim::End(next, _) => Some(*next),
            _ => None,
        }
    }

    /// What the sweeper does with it.
    pub fn look(&self, now: Timestamp) -> Look {
        if self.status.is_ended() || self.look_at.is_none_or(|at| at > now) {
            return Look::Leave;
        }
        if self.is_leased(now) {
            let at = self.lease_until.unwrap_or(now) + GRACE;
            return Look::Later(Box::new(Self { look_at: Some(at), ..self.clone() }));
        }
        if self.is_too_late(now)
            && let Some(next) = self.moved(Move::Expire, now)
        {
            return Look::End(Box::new(next), Move::Expire);
        }
        let delay = self.due_at.since(now);
        if delay >= QUEUE_DELAY_MAX {
            return Look::Later(Box::new(Self {
                look_at: Some(self.sooner(self.due_at - AHEAD)),
                ..self.clone()
            }));
        }
        let at = self.sooner(self.due_at.max(now) + LOOK_AGAIN);
        Look::Send(Box::new(Self { look_at: Some(at), is_swept: true, ..self.clone() }), delay)
    }

    /// After how long its message has to arrive that the relay sends now; `None` when it is for the sweeper to send.
    pub fn send_delay(&self, now: Timestamp) -> Option<Duration> {
        let waits = matches!(self.status, Status::Queued | Status::Retrying) && !self.is_swept;
        let delay = self.due_at.since(now);
        (waits && delay < QUEUE_DELAY_MAX).then_some(delay)
    }

    /// Lets it wait for its time: the relay sends its message, and the sweeper looks for it.
    pub fn wait_until(&mut self, due_at: Timestamp, now: Timestamp) {
        self.due_at = due_at;
        self.is_swept = false;
        let is_far = due_at.since(now) >= QUEUE_DELAY_MAX;
        self.look_at = Some(self.sooner(if is_far { due_at - AHEAD } else { due_at + GRACE }));
    }

    fn sooner(&self, at: Timestamp) -> Timestamp {
        self.deadline.map_or(at, |deadline| deadline.min(at))
    }

    fn is_leased(&self, now: Timestamp) -> bool {
        self.status == Status::Running && self.lease_until.is_some_and(|until| now < until)
    }

    /// Whether its deadline has passed.
    pub fn is_too_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    fn require_held(&self, fence: u64, now: Timestamp) -> Result<(), LostLease> {
        match self.lease_until {
            Some(at) if self.fence == fence && at <= now => Err(LostLease::Lapsed { at }),
            Some(_) if self.fence == fence => Ok(()),
            _ => Err(LostLease::Taken { held: fence, current: self.fence }),
        }
    }

    /// A share of the longest wait, 0 (none) to 255 (nearly all), for waits that no other job has: out of the random bits of
    /// its id (RFC 9562 §5.7), and another with each claim.
    pub fn share(&self) -> u8 {
        let [_, _, _, _, _, _, _, _, _, _, random @ ..] = *self.id.uuid().as_bytes();
        random[usize::try_from(self.fence % 6).unwrap_or(0)]
    }

    fn closing(&self, happening: Move, failure: Option<Failure>, now: Timestamp) -> Claim {
        match self.moved(happening, now) {
            Some(next) => {
                let failure = failure.or(next.failure.clone());
                Claim::End(Box::new(Self { failure, ..next }), happening)
            }
            None => Claim::Drop,
        }
    }

    /// The job after a move, without what belonged to where it stood before.
    fn moved(&self, happening: Move, now: Timestamp) -> Option<Self> {
        let status = self.status.after(happening)?;
        let is_ended = status.is_ended();
        Some(Self {
            status,
            updated_at: now,
            ended_at: is_ended.then_some(now),
            look_at: self.look_at.filter(|_| !is_ended),
            lease_until: None,
            cancel_requested_at: self.cancel_requested_at.filter(|_| status == Status::Running),
            ..self.clone()
        })
    }
}

impl Failure {
    /// The last worker that had it has not said how it went.
    pub fn vanished() -> Self {
        Self {
            rule: "worker_vanished".to_owned(),
            detail: "the worker ended without an answer, in each attempt".to_owned(),
        }
    }
}
