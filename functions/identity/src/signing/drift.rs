//! Whether a function signs with a key that is not the one in use: it cannot read the secret any more, or what is in use
//! and what is published do not agree.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use kernel::Timestamp;
use platform::{metrics::Metrics, secrets::KEPT};

use super::{KeySet, KeyState, Publication};

/// The metric that `SigningKeyDriftAlarm` listens to.
const METRIC: &str = "SigningKeyDriftSeconds";

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Looks now and then. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    metrics: Metrics,
    looked_at: Arc<AtomicI64>,
}

impl Watch {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, looked_at: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// Whether it is time to look again; who asks is the one that looks.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let last = self.looked_at.load(Ordering::Relaxed);
        let every = i64::try_from(LOOK_EVERY.as_millis()).unwrap_or(i64::MAX);
        let take =
            || self.looked_at.compare_exchange(last, now.millis(), Ordering::Relaxed, Ordering::Relaxed);
        now.millis() >= last.saturating_add(every) && take().is_ok()
    }

    /// Tells the drift, when there is any beyond what caches explain.
    pub(super) fn tell(&self, drift: Duration, now: Timestamp) {
        if drift > Duration::ZERO {
            tracing::warn!(drift_s = drift.as_secs(), "a key signs that may not be the one in use any more");
            self.metrics.seconds(METRIC, drift.as_secs(), now);
        }
    }
}

/// For how long the keys that sign may have been others than those in use: since the publication says that one of them
/// does not sign, or since the secret should have been read again.
pub(super) fn drift(set: &KeySet, age: Duration, published: &Publication, now: Timestamp) -> Duration {
    let active = set.keys.iter().filter(|key| key.state == KeyState::Active);
    let since = active.filter_map(|key| match published.record(key.kid()) {
        Some(record) if record.state == KeyState::Active => None,
        // A key to come that signs already: it was promoted, and the publication does not say so yet.
        Some(record) => Some(record.since),
        None => Some(published.updated_at),
    });
    let disagree = since.map(|since| now.since(since)).max().unwrap_or_default();
    disagree.max(age).saturating_sub(KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{Policy, SigningKey, policy::DualSigning};

    const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

    #[test]
    fn what_caches_explain_is_no_drift_and_everything_else_is() {
        let dual = DualSigning { is_enabled: false, overlap: Duration::ZERO, canary_percent: 0 };
        let policy = Policy { max_age: Duration::ZERO, dual };
        let old = KeySet::first(START).unwrap();
        let told = Publication::of(&old, None, &policy, START);
        let later = |seconds| START + Duration::from_secs(seconds);
        let new = old.rotate(&told, &policy, SigningKey::generate(START).unwrap(), later(1000)).unwrap();
        let told_new = Publication::of(&new, Some(&told), &policy, later(1000));
        let kid = old.keys.iter().find(|key| key.state == KeyState::Active).unwrap().kid();
        let revoked = new.revoke(kid, SigningKey::generate(START).unwrap(), later(1000)).unwrap().unwrap();
        let told_revoked = Publication::of(&revoked, Some(&told_new), &policy, later(1000));
        for (case, set, age, told, now, drift_s) in [
            ("fresh", &old, 0, &told, 2000, 0),
            ("kept", &old, 50, &told, 2000, 0),
            ("unread for six minutes", &old, 360, &told, 2000, 310),
            ("replaced a moment ago", &old, 0, &told_new, 1050, 0),
            ("replaced and still signing", &old, 0, &told_new, 1351, 301),
            ("revoked and still signing", &old, 0, &told_revoked, 1351, 301),
            ("in use", &new, 10, &told_new, 2000, 0),
        ] {
            let drift = drift(set, Duration::from_secs(age), told, later(now));
            assert_eq!(drift.as_secs(), drift_s, "{case}");
        }
    }

    #[test]
    fn it_is_looked_once_a_minute() {
        let watch = Watch { metrics: Metrics::named("f"), looked_at: Arc::new(AtomicI64::new(i64::MIN)) };
        assert!(watch.is_due(START) && !watch.is_due(START));
        assert!(!watch.is_due(START + Duration::from_secs(59)));
        assert!(watch.is_due(START + LOOK_EVERY));
    }
}
