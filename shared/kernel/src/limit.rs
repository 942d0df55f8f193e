//! How often a subject may ask: the generic cell rate algorithm (GCRA, ITU-T I.371), exact to the microsecond.
//!
//! All that is known of a subject is one instant, its theoretical arrival time (TAT): when its allowance will be whole
//! again. A request is accepted when that instant is at most a burst away, and moves it by one interval.

use std::{num::NonZeroU32, time::Duration};

use crate::Timestamp;

/// How many requests a minute, and how many of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    per_minute: NonZeroU32,
    burst: NonZeroU32,
}

const MICROS_PER_MINUTE: u32 = 60_000_000;

/// How long a subject waits at most, however often it was refused.
pub const LONGEST_BACKOFF: Duration = Duration::from_hours(1);

impl Rate {
    /// `per_minute` requests, of which `burst` may come at once.
    pub const fn new(per_minute: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { per_minute, burst }
    }

    /// `per_minute` requests, all of which may come at once.
    pub const fn per_minute(per_minute: NonZeroU32) -> Self {
        Self::new(per_minute, per_minute)
    }

    /// How many may come at once.
    pub const fn burst(self) -> u32 {
        self.burst.get()
    }

    /// Microseconds between two requests of an even flow, rounded up: never more than asked for get through.
    pub const fn interval(self) -> i64 {
        MICROS_PER_MINUTE.div_ceil(self.per_minute.get()) as i64
    }

    /// How long it takes from nothing left to everything.
    pub fn window(self) -> Duration {
        micros(self.interval() * i64::from(self.burst()))
    }

    /// How far ahead of now the TAT may be for a request to be accepted, in microseconds.
    pub const fn tolerance(self) -> i64 {
        self.interval() * (self.burst.get() as i64 - 1)
    }
}

/// A theoretical arrival time: microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tat(i64);

impl Tat {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// That of a subject whose allowance is whole.
    pub const fn whole(now: Timestamp) -> Self {
        Self(now.millis().saturating_mul(1000))
    }

    /// The latest that still lets a request through.
    pub const fn latest(rate: Rate, now: Timestamp) -> Self {
        Self(Self::whole(now).0.saturating_add(rate.tolerance()))
    }

    /// That after one more request.
    #[must_use]
    pub const fn after_one(self, rate: Rate) -> Self {
        Self(self.0.saturating_add(rate.interval()))
    }

    /// The one with which a subject has to wait for `wait`.
    pub fn waiting(wait: Duration, rate: Rate, now: Timestamp) -> Self {
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Self(Self::latest(rate, now).0.saturating_add(wait))
    }

    /// The one of a subject whose rate changes: as much of its requests is still to be paid for as before, at the new
    /// price, up to all of the new burst. Rounded up: nothing is given away.
    #[must_use]
    pub fn carried_over(self, from: Rate, to: Rate, now: Timestamp) -> Self {
        let whole = Self::whole(now);
        let owed = i128::from(self.0.saturating_sub(whole.0));
        if owed <= 0 {
            return self;
        }
        let (old, new) = (i128::from(from.interval()), i128::from(to.interval()));
        let owed = ((owed * new + old - 1) / old).min(new * i128::from(to.burst()));
        Self(whole.0.saturating_add(i64::try_from(owed).unwrap_or(i64::MAX)))
    }

    /// When it is past, rounded up to the millisecond.
    pub const fn instant(self) -> Timestamp {
        Timestamp::from_millis(self.0.div_euclid(1000) + (self.0.rem_euclid(1000) > 0) as i64)
    }

    /// How long until a request is accepted; `None` when it is already.
    pub fn wait(self, rate: Rate, now: Timestamp) -> Option<Duration> {
        let wait = self.0.saturating_sub(Self::latest(rate, now).0);
        (wait > 0).then(|| micros(wait))
    }
}

/// What a subject has left, as the `RateLimit` headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The rate it is held to.
    pub rate: Rate,
    /// How many more requests would be accepted right now.
    pub remaining: u32,
    /// After a refusal: until one is accepted; else until everything is left again.
    pub reset: Duration,
}

impl Quota {
    /// What is left with this TAT.
    pub fn at(tat: Tat, rate: Rate, now: Timestamp) -> Self {
        if let Some(reset) = tat.wait(rate, now) {
            return Self { rate, remaining: 0, reset };
        }
        let used = tat.0.saturating_sub(Tat::whole(now).0).max(0);
        let left = rate.interval() * i64::from(rate.burst()) - used;
        Self { rate, remaining: u32::try_from(left / rate.interval()).unwrap_or(0), reset: micros(used) }
    }
}

/// How long a subject waits that was refused `strikes` times without a pause in between: `wait`, then twice, four
/// times, up to [`LONGEST_BACKOFF`].
pub fn backoff(wait: Duration, strikes: u32) -> Duration {
    let factor = 2_u32.checked_pow(strikes.saturating_sub(1));
    let wait = factor.and_then(|factor| wait.checked_mul(factor));
    wait.map_or(LONGEST_BACKOFF, |wait| wait.min(LONGEST_BACKOFF))
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_minute: u32, burst: u32) -> Rate {
        Rate::new(NonZeroU32::new(per_minute).unwrap(), NonZeroU32::new(burst).unwrap())
    }

    /// What the store does in one conditional update.
    fn ask(tat: &mut Option<Tat>, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let current = tat.map_or(Tat::whole(now), |tat| tat.max(Tat::whole(now)));
        if let Some(wait) = current.wait(rate, now) {
            return Err(wait);
        }
        *tat = Some(current.after_one(rate));
        Ok(())
    }

    #[test]
    fn a_burst_and_then_an_even_flow() {
        let (rate, now) = (rate(60, 60), Timestamp::from_seconds(1000));
        let mut tat = None;
        for left in (0..60).rev() {
            ask(&mut tat, rate, now).unwrap();
            assert_eq!(Quota::at(tat.unwrap(), rate, now).remaining, left);
        }
        assert_eq!(ask(&mut tat, rate, now), Err(Duration::from_secs(1)));
        ask(&mut tat, rate, now + Duration::from_secs(1)).unwrap();
        assert_eq!(ask(&mut tat, rate, now + Duration::from_millis(1999)), Err(Duration::from_millis(1)));
        let much_later = now + Duration::from_hours(1);
        assert_eq!((0..200).filter(|_| ask(&mut tat, rate, much_later).is_ok()).count(), 60);
    }

    #[test]
    fn windows_and_resets() {
        let now = Timestamp::from_seconds(1000);
        assert_eq!(rate(5, 5).window(), Duration::from_mins(1));
        assert_eq!(rate(1, 60).window(), Duration::from_hours(1));
        assert_eq!(rate(7, 1).interval(), 8_571_429);
        let tat = Tat::whole(now).after_one(rate(5, 5));
        assert_eq!(Quota::at(tat, rate(5, 5), now).reset, Duration::from_secs(12));
        assert_eq!(Tat::from_micros(1001).instant(), Timestamp::from_millis(2));
        assert_eq!(Tat::from_micros(2000).instant(), Timestamp::from_millis(2));
    }

    #[test]
    fn backoff_doubles_up_to_an_hour() {
        let wait = Duration::from_secs(12);
        for (strikes, seconds) in
            [(0, 12), (1, 12), (2, 24), (3, 48), (9, 3072), (10, 3600), (u32::MAX, 3600)]
        {
            assert_eq!(backoff(wait, strikes), Duration::from_secs(seconds), "{strikes}");
        }
    }

    proptest! {
        #[test]
        fn asking_again_at_the_time_told_succeeds_and_not_before(
            per_minute in 1..100_000_u32, burst in 1..200_u32, steps in prop::collection::vec(0..5_000_u64, 1..100)
        ) {
            let rate = rate(per_minute, burst);
            let (mut tat, mut now) = (None, Timestamp::from_seconds(1_000_000));
            for step in steps {
                now = now + Duration::from_millis(step);
                if let Err(wait) = ask(&mut tat, rate, now) {
                    let at = Tat::from_micros(Tat::whole(now).micros() + i64::try_from(wait.as_micros()).unwrap());
                    prop_assert!(ask(&mut tat.clone(), rate, at.instant()).is_ok());
                    let before = at.instant() - Duration::from_millis(1);
                    prop_assert!(before < now || ask(&mut tat.clone(), rate, before).is_err());
                }
            }
        }

        #[test]
        fn in_any_stretch_of_time_no_more_than_burst_and_flow_get_through(
            per_minute in 1..10_000_u32, burst in 1..50_u32, steps in prop::collection::vec(0..200_u64, 1..300)
        ) {
            let rate = rate(per_minute, burst);
            let (mut tat, start) = (None, Timestamp::from_seconds(1_000_000));
            let (mut now, mut accepted) = (start, 0_i64);
            for step in steps {
                now = now + Duration::from_millis(step);
                accepted += i64::from(ask(&mut tat, rate, now).is_ok());
                let flow = (now.millis() - start.millis()) * 1000 / rate.interval();
                prop_assert!(accepted <= i64::from(burst) + flow);
            }
        }
    }

    #[test]
    fn what_is_owed_is_carried_over_at_the_new_price() {
        let now = Timestamp::from_seconds(1_000);
        let rate = |per_minute, burst| {
            Rate::new(NonZeroU32::new(per_minute).unwrap(), NonZeroU32::new(burst).unwrap())
        };
        let (slow, fast) = (rate(1, 2), rate(600, 2));
        let ahead = |millis| Tat::whole(now + Duration::from_millis(millis));
        for (case, from, to, owed, carried) in [
            ("two requests", slow, fast, 120_000, 200),
            ("a part of one", slow, fast, 59_000, 98),
            ("the other way", fast, slow, 200, 120_000),
            ("no more than a smaller burst", slow, rate(1, 1), 120_000, 60_000),
            ("another burst alone", slow, rate(1, 9), 59_000, 59_000),
            ("nothing", slow, fast, 0, 0),
        ] {
            let carried_over = ahead(owed).carried_over(from, to, now);
            let expected = ahead(carried);
            let apart = carried_over.micros() - expected.micros();
            assert!((0..1_000).contains(&apart), "{case}: {carried_over:?}, not {expected:?}");
        }
    }
}
