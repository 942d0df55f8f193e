//! A family: the chain of refresh tokens of one login, of which the last is alive.

use std::time::Duration;

use kernel::{Timestamp, id::SessionId};
use platform::keyring::{KeyedHash, Kid};
use serde::{Deserialize, Serialize};

use super::{RefreshKeys, RefreshToken, SECRET_BYTES};

/// How long a refresh token lives. Each rotation gives the successor this much again: a session ends 30 days
/// after its last use, not after its login.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long a token that was just rotated is answered with its successor again: a client that refreshes in
/// parallel, or lost the answer, is no thief.
pub const REPLAY_WINDOW: Duration = Duration::from_secs(10);

/// What is stored of a family: nothing a token could be made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The family, which is the session.
    pub id: SessionId,
    /// The generation of the token that is alive.
    pub generation: u32,
    /// The keyed hash of that token.
    pub token_hash: KeyedHash,
    /// The application key that token was made with.
    pub hash_kid: Kid,
    /// The key that signed the access token handed out with it; a replay is signed by the same.
    pub signing_kid: String,
    /// When the login was.
    pub created_at: Timestamp,
    /// When the token that is alive was made.
    pub rotated_at: Timestamp,
    /// When it dies unused.
    pub expires_at: Timestamp,
    /// When the family was ended.
    pub revoked_at: Option<Timestamp>,
}

/// What to do with a presented token.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is alive: store `next`, on the condition that the generation is still the one that was read, and hand
    /// out `successor`.
    Rotate {
        /// The token to hand out.
        successor: RefreshToken,
        /// The family after it.
        next: Box<Family>,
    },
    /// It was rotated a moment ago: hand out the same pair again. The family says when and under which key it
    /// was signed.
    Replay {
        /// The token that was handed out then.
        successor: RefreshToken,
    },
    /// It is ours, and its time is over: somebody has a copy. End the family and say nothing.
    Reuse,
    /// It opens nothing, and changes nothing.
    Refused(Refusal),
}

/// Why a token is refused without further consequence. For the log; the caller learns only that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The family was ended.
    #[error("the family is revoked")]
    Revoked,
    /// Unused for too long.
    #[error("the refresh token has expired")]
    Expired,
    /// The token is authentic and not the one that was stored, or of another family.
    #[error("the refresh token is not the family's")]
    Mismatch,
    /// The token is newer than the family: the database was set back.
    #[error("the refresh token is of a generation to come")]
    Future,
    /// The key it was made with is no longer among the keys, or the generations are used up.
    #[error("the refresh token has no successor")]
    NoSuccessor,
}

impl Family {
    /// Begins a family at a login.
    pub fn begin(
        id: SessionId,
        random: [u8; SECRET_BYTES],
        keys: &RefreshKeys,
        signing_kid: &str,
        now: Timestamp,
    ) -> (RefreshToken, Self) {
        let token = RefreshToken::issue(&keys.current, id, 0, random);
        let family = Self {
            id,
            generation: 0,
            token_hash: token.hash(),
            hash_kid: token.keys.kid.clone(),
            signing_kid: signing_kid.to_owned(),
            created_at: now,
            rotated_at: now,
            expires_at: now + TOKEN_LIFETIME,
            revoked_at: None,
        };
        (token, family)
    }

    /// The family after it was ended; the first end stands.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(now)), ..self }
    }

    /// Whether its last token can still be used.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Decides what a presented token is worth (RFC 9700 §4.14.2). `signing_kid` is the key that is going to sign
/// the access token, should the decision be to rotate.
///
/// A rotation is stored only if nobody else rotated meanwhile; who loses that race reads the family again and
/// decides again, which then is a replay with the identical successor.
pub fn rotate(
    family: &Family,
    presented: &RefreshToken,
    keys: &RefreshKeys,
    signing_kid: &str,
    now: Timestamp,
) -> Decision {
    if let Some(refusal) = refusal(family, presented, now) {
        return Decision::Refused(refusal);
    }
    if presented.generation < family.generation {
        return replay(family, presented, keys, now).unwrap_or(Decision::Reuse);
    }
    if presented.hash() != family.token_hash {
        return Decision::Refused(Refusal::Mismatch);
    }
    let Some(successor) = keys.successor(presented, None) else {
        return Decision::Refused(Refusal::NoSuccessor);
    };
    let next = Box::new(Family {
        generation: successor.generation,
        token_hash: successor.hash(),
        hash_kid: successor.keys.kid.clone(),
        signing_kid: signing_kid.to_owned(),
        rotated_at: now,
        expires_at: now + TOKEN_LIFETIME,
        ..family.clone()
    });
    Decision::Rotate { successor, next }
}

fn refusal(family: &Family, presented: &RefreshToken, now: Timestamp) -> Option<Refusal> {
    let rules = [
        (presented.family != family.id, Refusal::Mismatch),
        (family.revoked_at.is_some(), Refusal::Revoked),
        (now >= family.expires_at, Refusal::Expired),
        (presented.generation > family.generation, Refusal::Future),
    ];
    rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, refusal)| refusal)
}

/// The parent of the living token within its window. Everything else that is older is a reuse.
fn replay(family: &Family, presented: &RefreshToken, keys: &RefreshKeys, now: Timestamp) -> Option<Decision> {
    // A clock behind the one that rotated counts as no time at all.
    let is_in_time = now.since(family.rotated_at) <= REPLAY_WINDOW;
    let is_parent = presented.generation.checked_add(1) == Some(family.generation);
    if !(is_in_time && is_parent) {
        return None;
    }
    let Some(successor) = keys.successor(presented, Some(&family.hash_kid)) else {
        return Some(Decision::Refused(Refusal::NoSuccessor));
    };
    (successor.hash() == family.token_hash).then_some(Decision::Replay { successor })
}

#[cfg(test)]
mod tests;
