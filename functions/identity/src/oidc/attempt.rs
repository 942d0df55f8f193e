//! A login that is under way at a provider.
//!
//! The browser keeps a random seed in a cookie; `state`, `nonce` and the PKCE verifier follow from it by keyed functions.
//! So an answer is taken only from the browser that began, and nothing secret is stored: of the attempt there is only
//! that it began, and whether it was used.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Secret, Timestamp};
use platform::keyring::{AppKeys, KeyedHash, Kid, token_bytes, token_kid, token_text};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use store::{Entity, Key, Table, ephemeral};

use crate::session::SessionKind;

/// The cookie that holds the seed.
pub(crate) const COOKIE: &str = "__Host-gw_oidc";

/// How long a person has to log in at the provider.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);

const PREFIX: &str = "gw_ol_";
const SEED_BYTES: usize = 32;

/// What an attempt is made of. It exists only for a seed under an application key of ours.
pub(crate) struct Seed {
    text: Secret<String>,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: Secret<String>,
}

impl Seed {
    /// From random bytes, under the current application key.
    pub(crate) fn new(random: [u8; SEED_BYTES], provider: &str, keys: &AppKeys) -> Self {
        let kid = keys.current();
        let mut bytes = Vec::with_capacity(64);
        kid.write_prefixed(&mut bytes);
        bytes.extend_from_slice(&random);
        let text = Secret::new(token_text(PREFIX, &bytes));
        Self::derive(text, kid, &random, provider, keys)
            .expect("application keys are read only with their current key among them")
    }

    /// From the cookie of a browser; `None` when it is none of ours.
    pub(crate) fn read(text: &str, provider: &str, keys: &AppKeys) -> Option<Self> {
        let bytes = token_bytes(PREFIX, text)?;
        let (kid, seed) = Kid::read_prefixed(&bytes)?;
        let seed = <[u8; SEED_BYTES]>::try_from(seed).ok()?;
        Self::derive(Secret::new(text.to_owned()), &kid, &seed, provider, keys)
    }

    fn derive(
        text: Secret<String>,
        kid: &Kid,
        seed: &[u8; 32],
        provider: &str,
        keys: &AppKeys,
    ) -> Option<Self> {
        let derive = |info: &str| {
            let key = keys.hmac_key(kid, info)?;
            // The seed has a fixed length and comes first.
            Some(KeyedHash::of(&key, &[seed, provider.as_bytes()]).to_string())
        };
        let (state, nonce) = (derive("oidc/state/v1")?, derive("oidc/nonce/v1")?);
        Some(Self { text, state, nonce, verifier: Secret::new(derive("oidc/verifier/v1")?) })
    }

    /// The cookie's value.
    pub(crate) fn text(&self) -> &str {
        self.text.expose()
    }

    /// The PKCE challenge (RFC 7636 §4.2, `S256`).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose().as_bytes()))
    }
}

/// The application key that a cookie says it was made with.
pub(crate) fn kid_of(text: &str) -> Option<Kid> {
    token_kid(PREFIX, text)
}

/// What is stored of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) state: String,
    /// How the tokens of the session will travel.
    pub(crate) session: SessionKind,
    /// Whether the provider was told to ask the person again who they are.
    #[serde(default)]
    pub(crate) reauthenticates: bool,
    pub(crate) expires_at: Timestamp,
    /// Whether an answer has come: the next one is a replay.
    pub(crate) is_used: bool,
}

impl Attempt {
    pub(crate) fn key_of(state: &str) -> Key {
        Key::new(format!("oidc_attempt#{state}"), "attempt")
    }

    /// Since when the person must have shown the provider who they are, if that was asked for.
    pub(crate) fn authenticated_since(&self) -> Option<Timestamp> {
        self.reauthenticates.then(|| self.expires_at - LIFETIME)
    }

    /// The attempt, used up; `None` when it was, or its time is over.
    pub(crate) fn used(&self, now: Timestamp) -> Option<Self> {
        let is_open = !self.is_used && now < self.expires_at;
        is_open.then(|| Self { is_used: true, ..self.clone() })
    }
}

impl Entity for Attempt {
    const KIND: &'static str = "oidc_attempt";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.state)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AppKeys {
        AppKeys::from_json(&format!(r#"{{"current": "k1", "k1": "{}"}}"#, "x".repeat(40))).unwrap()
    }

    #[test]
    fn everything_follows_from_the_seed_and_nothing_from_anything_else() {
        let keys = keys();
        let seed = Seed::new([7; 32], "acme", &keys);
        let again = Seed::read(seed.text(), "acme", &keys).unwrap();
        assert_eq!((&seed.state, &seed.nonce, &seed.verifier), (&again.state, &again.nonce, &again.verifier));
        let elsewhere = Seed::read(seed.text(), "other", &keys).unwrap();
        assert_ne!(seed.state, elsewhere.state, "an answer of another provider is of another login");
        let challenge = seed.challenge();
        let all = [&seed.state, &seed.nonce, seed.verifier.expose(), &challenge].map(String::as_str);
        assert!(all.iter().all(|text| text.len() == 43), "RFC 7636 §4.1: 43 to 128 characters");
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), 4);
        for wrong in ["", "gw_ol_", "gw_ol_AAAA", &seed.text()[..50], &format!("{}A", seed.text())] {
            assert!(Seed::read(wrong, "acme", &keys).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_attempt_is_used_once_and_in_time() {
        let begun = Timestamp::from_seconds(1_000);
        let expires_at = begun + LIFETIME;
        let attempt = Attempt {
            state: "s".to_owned(),
            session: SessionKind::Token,
            reauthenticates: true,
            expires_at,
            is_used: false,
        };
        assert_eq!(attempt.authenticated_since(), Some(begun));
        let used = attempt.used(begun).unwrap();
        assert!(used.is_used && used.used(begun).is_none());
        assert!(attempt.used(expires_at).is_none());
        assert!(attempt.used(expires_at - Duration::from_millis(1)).is_some());
    }
}
