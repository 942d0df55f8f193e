//! Where a job stands, and what may happen to it there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for a worker, or for its time.
    Queued,
    /// A worker has it.
    Running,
    /// An attempt failed, and it waits for the next.
    Retrying,
    /// It is done.
    Succeeded,
    /// It cannot be done: trying again would not help.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
    /// Its deadline came first.
    Expired,
    /// Every attempt failed. It is among the dead letters.
    Dead,
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A worker takes it.
    Claim,
    /// A worker that has to stop gives it back; the attempt goes on elsewhere.
    HandBack,
    /// It is done.
    Succeed,
    /// It cannot be done.
    Fail,
    /// An attempt failed, and there is another.
    Retry,
    /// The last attempt failed.
    Die,
    /// Somebody does not want it any more.
    Cancel,
    /// Its deadline has come.
    Expire,
    /// Somebody wants it again.
    Requeue,
}

/// The state machine: what may happen to a job in which status, and where it stands then. What is not here cannot happen.
pub const MOVES: [(Move, &[Status], Status); 9] = [
    // From `running` when the worker that had it is gone: its lease is over.
    (Move::Claim, &[Status::Queued, Status::Retrying, Status::Running], Status::Running),
    (Move::HandBack, &[Status::Running], Status::Queued),
    (Move::Succeed, &[Status::Running], Status::Succeeded),
    (Move::Fail, &[Status::Running], Status::Failed),
    (Move::Retry, &[Status::Running], Status::Retrying),
    // From elsewhere when no worker can run it.
    (Move::Die, &[Status::Running, Status::Queued, Status::Retrying], Status::Dead),
    (Move::Cancel, &[Status::Queued, Status::Retrying, Status::Running], Status::Cancelled),
    (Move::Expire, &[Status::Queued, Status::Retrying, Status::Running], Status::Expired),
    (Move::Requeue, &[Status::Failed, Status::Cancelled, Status::Expired, Status::Dead], Status::Queued),
];

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Dead,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

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

impl Move {
    /// What the audit log calls it.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Claim => "job.claim",
            Self::HandBack => "job.hand_back",
            Self::Succeed => "job.succeed",
            Self::Fail => "job.fail",
            Self::Retry => "job.retry",
            Self::Die => "job.die",
            Self::Cancel => "job.cancel",
            Self::Expire => "job.expire",
            Self::Requeue => "job.requeue",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no status.
#[derive(Debug, thiserror::Error)]
#[error("must be one of queued, running, retrying, succeeded, failed, cancelled, expired, dead")]
pub struct ParseStatusError;

impl FromStr for Status {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.name() == text).ok_or(ParseStatusError)
    }
}

crate::text_input!(Status);
