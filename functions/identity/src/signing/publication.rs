//! What the world has been told of the keys, and since when: the content of the secret that every function reads.

use std::collections::BTreeMap;

use kernel::Timestamp;
use platform::keys::{Jwk, Jwks};
use serde::{Deserialize, Serialize};

use super::{policy::Policy, set::KeySet, state::KeyState};

/// The public halves, and a record of when each became what it is. The key set says what was decided; this says when
/// it was in force, which is later when a rotation was interrupted, and it is what deadlines count from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The public halves.
    #[serde(flatten)]
    pub jwks: Jwks,
    /// Each key's record, by its id.
    #[serde(default)]
    record: BTreeMap<String, Record>,
    /// When a key was last added or taken away.
    #[serde(default = "epoch")]
    pub updated_at: Timestamp,
}

/// Since when a key is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was first published.
    pub published_at: Timestamp,
    /// Where it stands.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
    /// From when on no token it signed can be alive; only a retiring key has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlived_at: Option<Timestamp>,
}

const fn epoch() -> Timestamp {
    Timestamp::from_millis(0)
}

impl Publication {
    /// What is published of a key set that is in use, after `before`.
    pub fn of(set: &KeySet, before: Option<&Self>, policy: &Policy, now: Timestamp) -> Self {
        let keys = set.keys.iter().filter(|key| key.state.is_published());
        let record = keys.map(|key| {
            let known = before.and_then(|before| before.record.get(key.kid()));
            let since = known.filter(|known| known.state == key.state).map_or(now, |known| known.since);
            let outlived_at =
                (key.state == KeyState::Retiring).then(|| since + policy.outlived_by(key.public.alg));
            let published_at = known.map_or(now, |known| known.published_at);
            (key.kid().to_owned(), Record { published_at, state: key.state, since, outlived_at })
        });
        Self::after(before, set.jwks(), record.collect(), now)
    }

    /// What is published before a key set is in use: its new keys as well, so that nothing is ever signed that nobody
    /// could verify. What the others do has not changed.
    #[must_use]
    pub fn announcing(&self, set: &KeySet, now: Timestamp) -> Self {
        let Self { mut jwks, mut record, .. } = self.withdrawing(set, now);
        for key in set.keys.iter().filter(|key| key.state.is_published() && !self.has(key.kid())) {
            jwks.keys.push(key.public.clone());
            let news = Record { published_at: now, state: key.state, since: now, outlived_at: None };
            record.insert(key.kid().to_owned(), news);
        }
        Self::after(Some(self), jwks, record, now)
    }

    /// Without the keys that a set has retired.
    #[must_use]
    pub fn withdrawing(&self, set: &KeySet, now: Timestamp) -> Self {
        let is_retired = |kid: &str| set.find(kid).is_some_and(|key| !key.state.is_published());
        let mut jwks = self.jwks.clone();
        let mut record = self.record.clone();
        jwks.keys.retain(|key| !is_retired(&key.kid));
        record.retain(|kid, _| !is_retired(kid));
        Self::after(Some(self), jwks, record, now)
    }

    fn after(before: Option<&Self>, jwks: Jwks, record: BTreeMap<String, Record>, now: Timestamp) -> Self {
        let is_same = before.is_some_and(|before| before.jwks == jwks);
        let updated_at = before.filter(|_| is_same).map_or(now, |before| before.updated_at);
        Self { jwks, record, updated_at }
    }

    /// Whether a key is published.
    pub fn has(&self, kid: &str) -> bool {
        self.jwks.keys.iter().any(|key| key.kid == kid)
    }

    /// Whether everything that the set could sign with is published, and nothing that it has retired.
    pub fn covers(&self, set: &KeySet) -> bool {
        set.keys.iter().all(|key| key.state.is_published() == self.has(key.kid()))
    }

    /// A key's record.
    pub fn record(&self, kid: &str) -> Option<&Record> {
        self.record.get(kid)
    }

    /// When a key was published.
    pub fn published_at(&self, kid: &str) -> Option<Timestamp> {
        self.record.get(kid).map(|record| record.published_at)
    }

    /// Whether no token that a key has signed can be alive.
    pub fn is_outlived(&self, kid: &str, now: Timestamp) -> bool {
        self.record.get(kid).and_then(|record| record.outlived_at).is_some_and(|at| at <= now)
    }

    /// What is shown to the world: a key that has outlived its tokens goes by itself, without waiting for the next
    /// rotation.
    pub fn jwks_at(&self, now: Timestamp) -> Jwks {
        let shown: Vec<Jwk> =
            self.jwks.keys.iter().filter(|key| !self.is_outlived(&key.kid, now)).cloned().collect();
        Jwks { keys: shown }
    }

    /// When what is shown was last changed.
    pub fn modified_at(&self, now: Timestamp) -> Timestamp {
        let gone = self.record.values().filter_map(|record| record.outlived_at).filter(|at| *at <= now);
        gone.fold(self.updated_at, Ord::max)
    }

    /// The key that signs, and since when, where only one does.
    pub fn signs(&self, kid: &str) -> bool {
        self.record.get(kid).is_some_and(|record| record.state == KeyState::Active)
    }
}
