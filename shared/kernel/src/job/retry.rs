//! How often a job is tried, and how long after a failure.

use std::time::Duration;

/// A retry policy: attempts, and waits that double from one to the next, each drawn at random up to that ("full jitter",
/// AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are.
    pub attempts_max: u32,
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any.
    pub wait_max: Duration,
}

impl Retry {
    /// The wait after so many attempts, given a share of 0 (none) to 255 (nearly all) of the longest.
    pub fn wait(&self, attempts: u32, share: u8) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = self.base.saturating_mul(doubled).min(self.wait_max);
        longest * u32::from(share) / 256
    }
}
