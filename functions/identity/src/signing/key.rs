//! One key pair and where it stands.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Error, Result, Secret, Timestamp};
use platform::{
    jwt::KeyPair,
    keys::{Jwk, KeyAlgorithm},
};
use serde::{Deserialize, Serialize};

use super::state::{KeyEvent, KeyState};

/// A key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SigningKey {
    /// The public half.
    pub public: Jwk,
    /// Where it stands.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
    /// The private half: PKCS #8, base64url. A retired key has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Secret<String>>,
    /// When it was found to be in wrong hands. Such a key is remembered for good, so that nobody brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl SigningKey {
    /// A new Ed25519 key, to be published.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn generate(now: Timestamp) -> Result<Self> {
        Self::from_pkcs8(KeyAlgorithm::EdDSA, &KeyPair::generate_ed25519()?, now)
    }

    /// A key that was made elsewhere, to be published. ring signs with RSA and makes no RSA keys.
    ///
    /// # Errors
    /// When it is no key of that algorithm.
    pub fn from_pkcs8(algorithm: KeyAlgorithm, pkcs8: &[u8], now: Timestamp) -> Result<Self> {
        Ok(Self {
            public: KeyPair::from_pkcs8(algorithm, pkcs8)?.jwk(),
            state: KeyState::Next,
            since: now,
            private: Some(Secret::new(URL_SAFE_NO_PAD.encode(pkcs8))),
            revoked_at: None,
        })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// Whether it is of that algorithm and in that state.
    pub(super) fn is(&self, algorithm: KeyAlgorithm, state: KeyState) -> bool {
        self.public.alg == algorithm && self.state == state
    }

    /// Moves it on, if the table has such a step; a retired key loses its private half.
    pub(super) fn step(&mut self, event: KeyEvent, now: Timestamp) {
        let Some(state) = self.state.after(event) else { return };
        (self.state, self.since) = (state, now);
        if state == KeyState::Retired {
            self.private = None;
        }
        if event == KeyEvent::Revoke {
            self.revoked_at = Some(now);
        }
    }

    /// Its private half, ready to sign: takes longer than signing, so whoever signs keeps it.
    ///
    /// # Errors
    /// [`Error::Internal`] when it has none, or what is stored is no key.
    pub fn pair(&self) -> Result<KeyPair> {
        let unreadable = |why: &'static str| Error::internal("read a signing key", why);
        let text = self.private.as_ref().ok_or_else(|| unreadable("it has no private half"))?;
        let pkcs8 = URL_SAFE_NO_PAD.decode(text.expose());
        KeyPair::from_pkcs8(self.public.alg, &pkcs8.map_err(|_| unreadable("it is not base64url"))?)
    }
}
