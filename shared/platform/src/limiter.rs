//! Who may ask how often. Decided in the table, exactly; who was refused is refused from memory until its time comes.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{
    Error, Quota, Rate, Result, Timestamp,
    input::Whole,
    limit::{Tat, backoff},
};
use store::{
    Store,
    limit::{Allowance, Decision, Subject},
};

use crate::{config::Reader, telemetry::causes};

/// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10 §3).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit` (the same, §4).
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How many subjects are remembered. Beyond, those with nothing to remember are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// A setting; the most is one each millisecond.
type PerMinute = Whole<0, 60_000>;

/// The settings of every function that limits its callers.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    requests: Option<Rate>,
    secrets: Option<Rate>,
}

impl Rates {
    /// `LIMIT_PER_MINUTE`: requests of one principal, or of one network that nobody is known from (60).
    /// `LIMIT_ATTEMPTS_PER_MINUTE`: attempts of one network on a route that takes a password or another secret (5).
    /// 0 lifts a limit. `None` when a fault was noted.
    pub fn read(env: &mut Reader<'_>) -> Option<Self> {
        let requests: Option<PerMinute> = env.or("LIMIT_PER_MINUTE", "60");
        let secrets: Option<PerMinute> = env.or("LIMIT_ATTEMPTS_PER_MINUTE", "5");
        let rate = |per_minute: PerMinute| NonZeroU32::new(per_minute.get()).map(Rate::per_minute);
        Some(Self { requests: rate(requests?), secrets: rate(secrets?) })
    }

    /// Nobody is limited.
    pub(crate) const fn none() -> Self {
        Self { requests: None, secrets: None }
    }
}

/// What happens to a request about which the store cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It passes: nothing is changed by it.
    Open,
    /// It is refused.
    Closed,
}

/// A request that is to be counted.
#[derive(Debug)]
pub struct Ask {
    subject: Subject,
    rate: Rate,
    backs_off: bool,
    on_failure: Failure,
}

/// Decides on requests, and remembers what it was told.
#[derive(Debug)]
pub(crate) struct Limiter {
    rates: Rates,
    known: Mutex<HashMap<Subject, Arc<Known>>>,
}

/// Locked while a decision is under way: what is known is then what the table holds, unless other functions ask too.
type Known = tokio::sync::Mutex<Option<Remembered>>;

/// What was decided on a subject at a rate. At another one it says nothing: whoever changed the rate has changed the
/// table with it.
#[derive(Debug)]
struct Remembered {
    allowance: Allowance,
    rate: Rate,
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, known: Mutex::default() }
    }

    /// Whoever is known, or else a network, at the rate of everybody. `None` where that limit is lifted.
    pub(crate) fn of_all(&self, name: String, on_failure: Failure) -> Option<Ask> {
        let rate = self.rates.requests?;
        Some(Ask { subject: Subject { name, is_counted: false }, rate, backs_off: false, on_failure })
    }

    /// An API key, at its own rate, whatever holds for everybody.
    pub(crate) fn of_key(subject: Subject, rate: Rate, on_failure: Failure) -> Ask {
        Ask { subject, rate, backs_off: false, on_failure }
    }

    /// A network that tries a secret: whoever is refused again and again waits longer each time.
    pub(crate) fn of_secrets(&self, name: String) -> Option<Ask> {
        let rate = self.rates.secrets?;
        let subject = Subject { name, is_counted: false };
        Some(Ask { subject, rate, backs_off: true, on_failure: Failure::Closed })
    }

    /// Decides. `None` when nobody could.
    ///
    /// # Errors
    /// The quota of a caller who has to wait, or [`Error::Unavailable`] when the store does not answer and the request
    /// must not pass without it.
    pub(crate) async fn decide(&self, store: &Store, ask: &Ask, now: Timestamp) -> Result<Verdict> {
        let known = self.known(&ask.subject, now);
        let mut known = known.lock().await;
        let remembered = ask.remembered(known.as_ref());
        if let Some(allowance) = remembered.filter(|known| ask.is_refused(known, now)) {
            return Ok(Verdict::Refused(ask.quota(allowance, now)));
        }
        let decision = match store.take(&ask.subject, ask.rate, now, remembered).await {
            Ok(decision) => decision,
            Err(error) if ask.on_failure == Failure::Open => {
                tracing::warn!(error = causes(&error), "a request passes without a limit");
                return Ok(Verdict::Unknown);
            }
            Err(error) => return Err(error),
        };
        let (allowance, is_accepted) = match decision {
            Decision::Accepted(allowance) => (allowance, true),
            Decision::Refused(allowance) => (ask.hold_back(store, allowance, now).await, false),
        };
        let quota = ask.quota(&allowance, now);
        *known = Some(Remembered { allowance, rate: ask.rate });
        Ok(if is_accepted { Verdict::Accepted(quota) } else { Verdict::Refused(quota) })
    }

    /// What is left of who is known to be refused, without asking anybody; `None` for everybody else.
    pub(crate) fn recall(&self, ask: &Ask, now: Timestamp) -> Option<Quota> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&ask.subject)?.try_lock().ok()?;
        let remembered = ask.remembered(known.as_ref()).filter(|known| ask.is_refused(known, now));
        remembered.map(|known| ask.quota(known, now))
    }

    fn known(&self, subject: &Subject, now: Timestamp) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, allowance| is_of_use(allowance, now));
        }
        if known.len() >= REMEMBERED_MAX {
            // Everybody waits: what is forgotten is told by the table again.
            known.clear();
        }
        Arc::clone(known.entry(subject.clone()).or_default())
    }
}

/// Whether a decision is under way, or the subject's allowance is not whole.
fn is_of_use(known: &Arc<Known>, now: Timestamp) -> bool {
    known
        .try_lock()
        .map_or(true, |known| known.as_ref().is_some_and(|known| known.allowance.tat > Tat::whole(now)))
}

impl Ask {
    fn remembered<'a>(&self, known: Option<&'a Remembered>) -> Option<&'a Allowance> {
        known.filter(|known| known.rate == self.rate).map(|known| &known.allowance)
    }

    fn quota(&self, allowance: &Allowance, now: Timestamp) -> Quota {
        Quota::at(allowance.tat, self.rate, now)
    }

    /// Whether what is known is enough to refuse: the subject has to wait, and how long has been decided.
    fn is_refused(&self, known: &Allowance, now: Timestamp) -> bool {
        known.tat.wait(self.rate, now).is_some() && (!self.backs_off || known.struck == Some(known.tat))
    }

    /// Makes a subject wait longer that came back, was let through and is refused again. The request is refused
    /// anyway, so that the store's failure changes nothing for it.
    async fn hold_back(&self, store: &Store, refused: Allowance, now: Timestamp) -> Allowance {
        let has_asked = refused.struck != Some(refused.tat);
        let Some(wait) = refused.tat.wait(self.rate, now).filter(|_| self.backs_off && has_asked) else {
            return refused;
        };
        let next = Tat::waiting(backoff(wait, refused.strikes + 1), self.rate, now);
        match store.strike(&self.subject, refused.clone(), next, now).await {
            Ok(struck) => struck,
            Err(error) => {
                tracing::warn!(error = causes(&error), "a refused subject is not held back longer");
                refused
            }
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes.
    Accepted(Quota),
    /// It has to wait.
    Refused(Quota),
    /// Nobody could decide; it passes.
    Unknown,
}

impl Verdict {
    /// What is left, if that is known.
    pub(crate) fn quota(self) -> Option<Quota> {
        match self {
            Self::Accepted(quota) | Self::Refused(quota) => Some(quota),
            Self::Unknown => None,
        }
    }

    /// # Errors
    /// [`Error::TooManyRequests`] for who has to wait.
    pub(crate) fn pass(self) -> Result<()> {
        match self {
            Self::Accepted(_) | Self::Unknown => Ok(()),
            Self::Refused(quota) => Err(Error::TooManyRequests { retry_after: quota.reset }),
        }
    }
}

/// Tells the client what it has left.
pub(crate) fn tell(quota: Quota, headers: &mut HeaderMap) {
    let seconds = |duration: std::time::Duration| duration.as_millis().div_ceil(1000);
    let policy = format!(r#""default";q={};w={}"#, quota.rate.burst(), seconds(quota.rate.window()));
    let limit = format!(r#""default";r={};t={}"#, quota.remaining, seconds(quota.reset));
    for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_up_to_what_is_surely_true() {
        let rate = Rate::new(NonZeroU32::new(60).unwrap(), NonZeroU32::new(30).unwrap());
        let now = Timestamp::from_seconds(1000);
        let mut headers = HeaderMap::new();
        tell(Quota::at(Tat::from_micros(1_001_500_000), rate, now), &mut headers);
        assert_eq!(headers[POLICY], r#""default";q=30;w=30"#);
        assert_eq!(headers[LIMIT], r#""default";r=28;t=2"#);
    }
}
