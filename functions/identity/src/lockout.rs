//! Failed logins: who has to wait, and how long.
//!
//! Counted twice. Per (account, client network) a pair is locked after five failures, so that guessing ends.
//! Per account there is only a delay, and none for a device the account has logged in from: whoever fails from
//! elsewhere can slow strangers down, and never lock the owner out.
//!
//! An attempt is counted by [`admit`] before its password is looked at, in one conditional write: of a thousand
//! parallel guesses, five are tried. [`after_failure`] then confirms it; a success deletes the counter.

use std::time::Duration;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// Failures of one pair until it is locked.
pub const FAILURES_MAX: u32 = 5;
/// Without an attempt for this long, failures are forgotten.
pub const WINDOW: Duration = Duration::from_mins(15);
/// How long the first lock holds; each following one holds twice as long.
pub const FIRST_LOCK: Duration = Duration::from_mins(15);
/// How long a lock holds at most; and how long a pair must be quiet until its next lock is a first one again.
pub const LONGEST_LOCK: Duration = Duration::from_hours(24);

/// How soon to ask again when too many attempts are under way.
const BUSY: Duration = Duration::from_secs(1);
/// An attempt unconfirmed for so long never will be: API Gateway ends every request after 29 s.
const ATTEMPT_LIFETIME: Duration = Duration::from_secs(30);

/// Account-wide failures from which strangers are slowed down.
const DELAY_FROM: u32 = 10;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// What is known of one (account, client network) pair. It begins with the first attempt and ends with a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairCounter {
    /// Attempts admitted since the last lock: the failures, and those still under way.
    pub attempts: u32,
    /// Attempts known to have failed since the last lock.
    pub failures: u32,
    /// Locks so far.
    pub locks: u32,
    /// The end of the last lock, also when it is past.
    pub locked_until: Option<Timestamp>,
    /// When attempts and failures are forgotten: [`WINDOW`] after the last of them.
    pub window_ends: Timestamp,
}

/// Whether an attempt may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, once `next` is stored on the condition that the counter is still the one that was read.
    Go {
        /// The counter with this attempt in it.
        next: PairCounter,
    },
    /// It may not; the password is not looked at.
    Wait {
        /// When to ask again.
        retry_after: Duration,
    },
}

impl PairCounter {
    const fn fresh(now: Timestamp) -> Self {
        Self { attempts: 0, failures: 0, locks: 0, locked_until: None, window_ends: now }
    }

    /// The counter as it counts now: what is forgotten is gone.
    fn at(counter: Option<&Self>, now: Timestamp) -> Self {
        let Some(counter) = counter.filter(|counter| now < counter.expires_at()) else {
            return Self::fresh(now);
        };
        let mut current = counter.clone();
        if now >= counter.window_ends {
            current.attempts = 0;
            current.failures = 0;
        } else if now >= counter.last_attempt() + ATTEMPT_LIFETIME {
            // A function that died took its attempts with it: they were neither right nor wrong.
            current.attempts = counter.failures;
        }
        current
    }

    fn last_attempt(&self) -> Timestamp {
        self.window_ends - WINDOW
    }

    /// How long the pair has to wait; `None` when it is not locked.
    fn lock_left(&self, now: Timestamp) -> Option<Duration> {
        self.locked_until.filter(|until| now < *until).map(|until| until.since(now))
    }

    /// When nothing of the counter matters any more: its time to live in the table.
    pub fn expires_at(&self) -> Timestamp {
        match self.locked_until {
            Some(until) => until.max(self.last_attempt()) + LONGEST_LOCK,
            None => self.window_ends,
        }
    }
}

/// Decides whether an attempt may be made, and counts it. Asking again after the time told succeeds, unless
/// others of the same pair did so before.
pub fn admit(counter: Option<&PairCounter>, now: Timestamp) -> Admission {
    let current = PairCounter::at(counter, now);
    if let Some(retry_after) = current.lock_left(now) {
        return Admission::Wait { retry_after };
    }
    if current.attempts >= FAILURES_MAX {
        return Admission::Wait { retry_after: BUSY };
    }
    let next = PairCounter { attempts: current.attempts + 1, window_ends: now + WINDOW, ..current };
    Admission::Go { next }
}

/// How many failures of a pair are remembered.
pub fn failures(counter: Option<&PairCounter>, now: Timestamp) -> u32 {
    PairCounter::at(counter, now).failures
}

/// The counter after an admitted attempt turned out wrong; the fifth locks the pair. `None` is a counter that a
/// success deleted meanwhile.
#[must_use]
pub fn after_failure(counter: Option<&PairCounter>, now: Timestamp) -> PairCounter {
    let current = PairCounter::at(counter, now);
    if current.lock_left(now).is_some() {
        // A straggler from before the lock changes nothing about it.
        return current;
    }
    let failures = current.failures + 1;
    if failures < FAILURES_MAX {
        return PairCounter {
            attempts: current.attempts.max(failures),
            failures,
            window_ends: now + WINDOW,
            ..current
        };
    }
    PairCounter {
        attempts: 0,
        failures: 0,
        locks: current.locks.saturating_add(1),
        locked_until: Some(now + lock_time(current.locks)),
        window_ends: now + WINDOW,
    }
}

/// 15 minutes, 30, 60 … 24 hours.
fn lock_time(locks_before: u32) -> Duration {
    doubled(FIRST_LOCK, locks_before, LONGEST_LOCK)
}

/// How long a login of an account is held back before its password is looked at. A known device never is.
pub fn delay(account_failures_in_window: u32, is_known_device: bool) -> Duration {
    match account_failures_in_window.checked_sub(DELAY_FROM) {
        Some(beyond) if !is_known_device => doubled(FIRST_DELAY, beyond, LONGEST_DELAY),
        _ => Duration::ZERO,
    }
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    2_u32
        .checked_pow(times)
        .and_then(|factor| first.checked_mul(factor))
        .map_or(longest, |time| time.min(longest))
}

#[cfg(test)]
mod tests;
