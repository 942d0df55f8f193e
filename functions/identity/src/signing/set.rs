//! All key pairs, and what is decided about them. Pure: times and new keys are given.

use std::time::Duration;

use kernel::{Error, Result, Timestamp};
use platform::keys::{Jwks, KeyAlgorithm};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    key::SigningKey,
    policy::{DualSigning, Policy},
    publication::Publication,
    state::{KeyEvent, KeyState},
};

/// How long a retired key is still listed, for whoever looks a token up.
const LISTED_FOR: Duration = Duration::from_hours(30 * 24);

/// Every key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys, in no order.
    pub keys: Vec<SigningKey>,
    /// When the set was last changed.
    pub updated_at: Timestamp,
    /// The version of the secret that this one was made from: it takes the place of that one and of no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<String>,
}

/// Why a key set is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The next key has not been published for long enough: some clients could not know it yet.
    #[error("the next key {kid} has not been published for long enough; it may sign from {ready_at} on")]
    TooEarly {
        /// The next key.
        kid: String,
        /// When it may sign.
        ready_at: Timestamp,
    },
    /// It was not published at all.
    #[error("the next key {kid} is not published yet; it is while the rotation goes on, so try again later")]
    Unpublished {
        /// The next key.
        kid: String,
    },
    /// There is no such key.
    #[error("there is no key {kid}")]
    Unknown {
        /// The name that was given.
        kid: String,
    },
    /// The set has the key, or had it and it was revoked.
    #[error("the key set has {kid} already, as {}", state.name())]
    Known {
        /// The key.
        kid: String,
        /// Where it stands.
        state: KeyState,
    },
    /// Another key of that algorithm waits to sign.
    #[error("{kid} is next already; it signs after the next rotation")]
    Waiting {
        /// The key that waits.
        kid: String,
    },
}

impl Refusal {
    /// The stable name of the rule.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooEarly { .. } => "key_published_too_briefly",
            Self::Unpublished { .. } => "key_unpublished",
            Self::Unknown { .. } => "key_unknown",
            Self::Known { .. } => "key_known",
            Self::Waiting { .. } => "key_waiting",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::conflict(refusal.rule(), refusal.to_string())
    }
}

impl KeySet {
    /// The first set: a key that signs, which nobody can have cached others before, and the one to follow it.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key can be made.
    pub fn first(now: Timestamp) -> Result<Self> {
        let mut active = SigningKey::generate(now)?;
        active.step(KeyEvent::Promote, now);
        Ok(Self { keys: vec![active, SigningKey::generate(now)?], updated_at: now, based_on: None })
    }

    /// What is published: every key that a token could still be signed with, and the next one.
    pub fn jwks(&self) -> Jwks {
        let published = self.keys.iter().filter(|key| key.state.is_published());
        Jwks { keys: published.map(|key| key.public.clone()).collect() }
    }

    /// The key of that algorithm in that state.
    pub fn one(&self, algorithm: KeyAlgorithm, state: KeyState) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.is(algorithm, state))
    }

    /// The key that signs the tokens of a session: `EdDSA`'s, or RS256's while both sign and the session is not moved.
    pub fn signer(&self, dual: &DualSigning, session: Uuid) -> Option<&SigningKey> {
        let [eddsa, rs256] =
            [KeyAlgorithm::EdDSA, KeyAlgorithm::RS256].map(|algorithm| self.one(algorithm, KeyState::Active));
        match (eddsa, rs256) {
            (Some(_), Some(rs256)) if dual.is_enabled && !dual.moves(session) => Some(rs256),
            (eddsa, rs256) => eddsa.or(rs256),
        }
    }

    /// A key that may sign: an active one, or one that did when the first of two identical answers was given.
    pub fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.kid() == kid)
    }

    /// One rotation: the next key signs, the one before it retires, `fresh` is next. What has outlived its tokens
    /// retires for good. `seen` is what the world knows of the set as it is.
    ///
    /// # Errors
    /// [`Refusal::TooEarly`] and [`Refusal::Unpublished`]: then nothing changes.
    pub fn rotate(
        &self,
        seen: &Publication,
        policy: &Policy,
        fresh: SigningKey,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let mut set = self.clone();
        set.promote(KeyAlgorithm::EdDSA, seen, policy, now)?;
        if policy.dual.is_enabled {
            // An imported key that has to wait does not keep the others waiting.
            let _ = set.promote(KeyAlgorithm::RS256, seen, policy, now);
        } else if set.one(KeyAlgorithm::EdDSA, KeyState::Active).is_some() {
            set.step(KeyAlgorithm::RS256, KeyState::Active, KeyEvent::Replace, now);
        }
        for key in set.keys.iter_mut().filter(|key| seen.is_outlived(key.kid(), now)) {
            key.step(KeyEvent::Expire, now);
        }
        set.keys.retain(|key| {
            key.state != KeyState::Retired || key.revoked_at.is_some() || now.since(key.since) < LISTED_FOR
        });
        set.keys.push(fresh);
        Ok(Self { updated_at: now, ..set })
    }

    /// Whether the next rotation would be refused, and why.
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub fn require_ready(&self, seen: &Publication, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
        self.clone().promote(KeyAlgorithm::EdDSA, seen, policy, now)
    }

    fn promote(
        &mut self,
        algorithm: KeyAlgorithm,
        seen: &Publication,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(next) = self.one(algorithm, KeyState::Next) else { return Ok(()) };
        let kid = next.kid().to_owned();
        let Some(published_at) = seen.published_at(&kid) else {
            return Err(Refusal::Unpublished { kid });
        };
        let ready_at = published_at + policy.announced_for();
        if now < ready_at {
            return Err(Refusal::TooEarly { kid, ready_at });
        }
        self.hand_over(algorithm, now);
        Ok(())
    }

    /// The next key signs, if there is one, and the active one no more.
    fn hand_over(&mut self, algorithm: KeyAlgorithm, now: Timestamp) {
        self.step(algorithm, KeyState::Active, KeyEvent::Replace, now);
        self.step(algorithm, KeyState::Next, KeyEvent::Promote, now);
    }

    fn step(&mut self, algorithm: KeyAlgorithm, state: KeyState, event: KeyEvent, now: Timestamp) {
        for key in self.keys.iter_mut().filter(|key| key.is(algorithm, state)) {
            key.step(event, now);
        }
    }

    /// Takes a key that is in wrong hands out of use. Where it signed the next one does so at once, and has to be
    /// published no longer for that: a client that does not know it yet asks again, one that trusts the old key is
    /// open to whoever has it. `fresh` takes the place that has become empty. `None`: it was revoked before.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub fn revoke(&self, kid: &str, fresh: SigningKey, now: Timestamp) -> Result<Option<Self>, Refusal> {
        let known = self.find(kid).ok_or_else(|| Refusal::Unknown { kid: kid.to_owned() })?;
        if known.revoked_at.is_some() {
            return Ok(None);
        }
        let mut set = Self { updated_at: now, ..self.clone() };
        for key in set.keys.iter_mut().filter(|key| key.kid() == kid) {
            key.step(KeyEvent::Revoke, now);
            // One that had retired by itself must not come back either.
            key.revoked_at = Some(now);
        }
        if set.one(known.public.alg, KeyState::Active).is_none() {
            set.hand_over(known.public.alg, now);
        }
        let lacks = |state| set.one(KeyAlgorithm::EdDSA, state).is_none();
        if lacks(KeyState::Next) || lacks(KeyState::Active) {
            let is_first =
                lacks(KeyState::Active) && set.one(KeyAlgorithm::RS256, KeyState::Active).is_none();
            set.keys.push(fresh);
            if is_first {
                set.hand_over(KeyAlgorithm::EdDSA, now);
            }
        }
        Ok(Some(set))
    }

    /// Takes in a key that was made elsewhere: it is next.
    ///
    /// # Errors
    /// [`Refusal::Known`] and [`Refusal::Waiting`].
    pub fn import(&self, key: SigningKey, now: Timestamp) -> Result<Self, Refusal> {
        if let Some(known) = self.find(key.kid()) {
            return Err(Refusal::Known { kid: known.kid().to_owned(), state: known.state });
        }
        if let Some(next) = self.one(key.public.alg, KeyState::Next) {
            return Err(Refusal::Waiting { kid: next.kid().to_owned() });
        }
        let mut set = Self { updated_at: now, ..self.clone() };
        set.keys.push(key);
        Ok(set)
    }
}

#[cfg(test)]
mod tests;
