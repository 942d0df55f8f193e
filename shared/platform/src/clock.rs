//! The one clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kernel::Timestamp;

/// Tells the time: the system's, or one that a test sets or pauses.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// Stands still until it is [advanced](Clock::advance).
    Manual(Arc<AtomicI64>),
    /// Goes with tokio's clock, which a test can pause: time passes when everybody waits.
    Tokio(Timestamp, tokio::time::Instant),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.millis())))
    }

    /// A clock that shows `at` now, and goes with tokio's.
    #[expect(clippy::disallowed_methods, reason = "as below")]
    pub fn tokio(at: Timestamp) -> Self {
        Self::Tokio(at, tokio::time::Instant::now())
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
            Self::Tokio(at, since) => *at + since.elapsed(),
        }
    }

    /// How long it is until then, a number of milliseconds since the epoch as Lambda tells its deadlines.
    pub fn until(&self, epoch_millis: u64) -> Duration {
        Timestamp::from_millis(i64::try_from(epoch_millis).unwrap_or(i64::MAX)).since(self.now())
    }

    /// Moves a manual clock forward; the others cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}
