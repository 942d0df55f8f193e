use std::{collections::HashMap, net::IpAddr};

use kernel::Network;
use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn go(counter: Option<&PairCounter>, now: Timestamp) -> PairCounter {
    match admit(counter, now) {
        Admission::Go { next } => next,
        Admission::Wait { retry_after } => panic!("waits {retry_after:?}: {counter:?}"),
    }
}

fn wait(counter: &PairCounter, now: Timestamp) -> Duration {
    match admit(Some(counter), now) {
        Admission::Wait { retry_after } => retry_after,
        Admission::Go { next } => panic!("goes: {next:?}"),
    }
}

fn goes(admission: &Admission) -> bool {
    matches!(admission, Admission::Go { .. })
}

/// Attempts and failures one after another until the lock.
fn locked(mut counter: Option<PairCounter>, now: Timestamp) -> PairCounter {
    for _ in 0..FAILURES_MAX {
        let next = go(counter.as_ref(), now);
        counter = Some(after_failure(Some(&next), now));
    }
    counter.unwrap()
}

#[test]
fn each_lock_holds_twice_as_long_up_to_a_day() {
    let (mut counter, mut now) = (None, START);
    for minutes in [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440] {
        let lock = locked(counter, now);
        assert_eq!(wait(&lock, now), secs(minutes * 60));
        assert_eq!(wait(&lock, now + secs(60)), secs((minutes - 1) * 60));
        now = now + secs(minutes * 60);
        go(Some(&lock), now);
        counter = Some(lock);
    }
}

#[test]
fn four_failures_do_not_lock_and_are_forgotten() {
    let mut counter = None;
    for _ in 0..4 {
        let next = go(counter.as_ref(), START);
        counter = Some(after_failure(Some(&next), START));
    }
    let four = counter.unwrap();
    assert_eq!((four.attempts, four.failures, four.locked_until), (4, 4, None));
    let fifth = after_failure(Some(&go(Some(&four), START)), START);
    assert_eq!(fifth.locks, 1);
    let later = go(Some(&four), START + WINDOW);
    assert_eq!((later.attempts, later.failures), (1, 0));
}

#[test]
fn a_quiet_day_makes_the_next_lock_a_first_one() {
    let twice = locked(Some(locked(None, START)), START + FIRST_LOCK);
    let until = twice.locked_until.unwrap();
    let almost = until + LONGEST_LOCK - secs(1);
    assert_eq!(wait(&locked(Some(twice.clone()), almost), almost), secs(60 * 60));
    let quiet = until + LONGEST_LOCK;
    assert_eq!(quiet, twice.expires_at());
    assert_eq!(wait(&locked(Some(twice), quiet), quiet), FIRST_LOCK);
}

#[test]
fn parallel_attempts_wait_until_they_are_confirmed() {
    let mut counter = None;
    for _ in 0..FAILURES_MAX {
        counter = Some(go(counter.as_ref(), START));
    }
    let busy = counter.unwrap();
    assert_eq!(wait(&busy, START), BUSY);
    // Four turn out wrong: still one under way. The fifth locks.
    let mut failed = busy.clone();
    for _ in 0..4 {
        failed = after_failure(Some(&failed), START);
        assert_eq!(wait(&failed, START), BUSY);
    }
    let lock = after_failure(Some(&failed), START);
    assert_eq!(wait(&lock, START), FIRST_LOCK);
    assert_eq!(after_failure(Some(&lock), START + secs(1)), lock, "a straggler");
    // The fifth was right: the counter is gone, and a failure that comes late begins a new one.
    let late = after_failure(None, START);
    assert_eq!((late.attempts, late.failures), (1, 1));
}

#[test]
fn attempts_of_a_dead_function_are_given_back() {
    let mut counter = None;
    for _ in 0..FAILURES_MAX {
        counter = Some(go(counter.as_ref(), START));
    }
    let one_failed = after_failure(counter.as_ref(), START);
    assert_eq!(wait(&one_failed, START + secs(29)), BUSY);
    let next = go(Some(&one_failed), START + secs(30));
    assert_eq!((next.attempts, next.failures), (2, 1));
}

#[test]
fn the_counter_survives_the_table() {
    let lock = locked(None, START);
    let json = serde_json::to_string(&lock).unwrap();
    assert_eq!(serde_json::from_str::<PairCounter>(&json).unwrap(), lock);
}

#[test]
fn strangers_are_delayed_and_known_devices_never() {
    for (failures, millis) in [
        (0, 0),
        (9, 0),
        (10, 100),
        (11, 200),
        (12, 400),
        (13, 800),
        (14, 1600),
        (15, 2000),
        (16, 2000),
        (u32::MAX, 2000),
    ] {
        assert_eq!(delay(failures, false), Duration::from_millis(millis), "{failures}");
        assert_eq!(delay(failures, true), Duration::ZERO, "{failures}");
    }
}

proptest! {
    /// However others fail, a pair without failures goes at once, and so does a known device.
    #[test]
    fn strangers_never_lock_out_the_owner(
        failures in prop::collection::vec((1..200_u8, 0..400_u64), 1..1_000),
    ) {
        let owner = Network::from(IpAddr::from([10, 0, 0, 0]));
        let mut pairs: HashMap<Network, PairCounter> = HashMap::new();
        let (mut now, mut account_failures) = (START, 0);
        for (host, pause) in failures {
            now = now + secs(pause);
            let stranger = Network::from(IpAddr::from([10, 0, 0, host]));
            if let Admission::Go { next } = admit(pairs.get(&stranger), now) {
                pairs.insert(stranger, after_failure(Some(&next), now));
                account_failures += 1;
            }
            let admission = admit(pairs.get(&owner), now);
            prop_assert!(goes(&admission));
            prop_assert_eq!(delay(account_failures, true), Duration::ZERO);
        }
    }

    /// Of any mix of parallel attempts, at most five fail before a lock, and a lock is kept to its end.
    #[test]
    fn no_more_than_five_guesses_between_locks(
        steps in prop::collection::vec((any::<bool>(), 0..2_000_u64), 1..300),
    ) {
        let mut counter: Option<PairCounter> = None;
        let (mut now, mut under_way, mut guesses) = (START, 0_u32, 0_u32);
        for (is_attempt, pause) in steps {
            // Nothing is under way for as long as a request cannot be.
            now = now + if under_way == 0 { secs(pause) } else { Duration::ZERO };
            if is_attempt || under_way == 0 {
                match admit(counter.as_ref(), now) {
                    Admission::Go { next } => {
                        guesses = if next.attempts == 1 { 1 } else { guesses + 1 };
                        prop_assert!(guesses <= FAILURES_MAX);
                        under_way += 1;
                        counter = Some(next);
                    }
                    Admission::Wait { retry_after } if under_way == 0 => {
                        let moment = Duration::from_millis(1);
                        let early = admit(counter.as_ref(), now + retry_after - moment);
                        prop_assert!(!goes(&early));
                        let then = admit(counter.as_ref(), now + retry_after);
                        prop_assert!(goes(&then));
                    }
                    Admission::Wait { retry_after } => prop_assert_eq!(retry_after, BUSY),
                }
            } else {
                under_way -= 1;
                counter = Some(after_failure(counter.as_ref(), now));
            }
        }
    }
}
