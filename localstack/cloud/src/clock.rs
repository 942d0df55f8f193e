//! The cloud's clock: the system's, plus what a test has added to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall-clock time that can be moved forward, shared by every service of one cloud.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    ahead_ms: Arc<AtomicU64>,
    /// Since when it goes with tokio's clock, and what it showed then.
    with_tokio: Arc<OnceLock<(Instant, Duration)>>,
}

impl Clock {
    /// Time since the epoch.
    #[expect(clippy::disallowed_methods, reason = "this is AWS's clock, not the application's")]
    pub(crate) fn now(&self) -> Duration {
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        if let Some((since, shown)) = self.with_tokio.get() {
            return *shown + since.elapsed() + ahead;
        }
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + ahead
    }

    /// Milliseconds since the epoch, as the database keeps them.
    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX)
    }

    /// A clock that only measures.
    #[expect(clippy::disallowed_methods, reason = "as above")]
    pub(crate) fn tick() -> Instant {
        Instant::now()
    }

    /// Goes with tokio's clock from now on, which a test can pause.
    pub(crate) fn go_with_tokio(&self) {
        self.with_tokio.get_or_init(|| (Self::tick(), self.now()));
    }

    /// Moves time forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl dynoxide::storage_backend::Clock for Clock {
    fn now_unix_secs(&self) -> u64 {
        self.now().as_secs()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.now().as_secs_f64()
    }
}
