//! Keys that are kept, and read anew when one turns out to be missing.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use kernel::{Error, Result};

use crate::{
    keyring::{AppKeys, KeyringError, Kid},
    secrets::{SecretText, Secrets},
};

/// Named keys that a secret holds.
pub trait Keys: Sized {
    /// Reads a secret's text.
    ///
    /// # Errors
    /// [`KeyringError`], which is a fault of the deployment.
    fn read(text: &str) -> Result<Self, KeyringError>;

    /// Whether a key is among them.
    fn has(&self, kid: &Kid) -> bool;
}

impl Keys for AppKeys {
    fn read(text: &str) -> Result<Self, KeyringError> {
        Self::from_json(text)
    }

    fn has(&self, kid: &Kid) -> bool {
        self.kids().any(|known| known == kid)
    }
}

/// The keys of one secret, read when they are first wanted and kept as they were then. Cheap to clone.
#[derive(Clone)]
pub struct Kept<K> {
    secrets: Secrets,
    id: Arc<str>,
    latest: Arc<RwLock<Option<Latest<K>>>>,
}

struct Latest<K> {
    source: SecretText,
    keys: Arc<K>,
}

impl<K> fmt::Debug for Kept<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("secret", &self.id).finish_non_exhaustive()
    }
}

impl<K: Keys> Kept<K> {
    /// Over the secret `id`. Nothing is read yet: a start should not wait for what few requests need.
    pub fn new(secrets: &Secrets, id: &str) -> Self {
        Self { secrets: secrets.clone(), id: id.into(), latest: Arc::default() }
    }

    /// The keys as they were last read.
    ///
    /// # Errors
    /// When they were never read and cannot be, or the secret holds something else.
    pub async fn latest(&self) -> Result<Arc<K>> {
        match self.known() {
            Some(keys) => Ok(keys),
            None => self.keep(self.secrets.get(&self.id).await.map_err(|error| self.missed(error))?),
        }
    }

    /// The keys, read anew when `kid` is not among those known: another instance may have begun to use it. The
    /// secret is read at most once in 5 s, and what cannot be read leaves the keys as they are.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub async fn knowing(&self, kid: Option<&Kid>) -> Result<Arc<K>> {
        let latest = self.latest().await?;
        match kid {
            Some(kid) if !latest.has(kid) => Ok(self.renew().await.unwrap_or_else(|error| {
                tracing::error!(error = crate::telemetry::causes(&error), "new keys cannot be read");
                latest
            })),
            _ => Ok(latest),
        }
    }

    /// To a request it makes no difference that the secret is not there: it has to come back when it is.
    fn missed(&self, error: Error) -> Error {
        match error {
            Error::NotFound(_) => {
                Error::unavailable("read a secret", format!("{} does not exist or has no value", self.id))
            }
            error => error,
        }
    }

    async fn renew(&self) -> Result<Arc<K>> {
        self.keep(self.secrets.refresh(&self.id).await?)
    }

    fn known(&self) -> Option<Arc<K>> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().map(|latest| Arc::clone(&latest.keys))
    }

    /// Keeps what `source` holds, unless that is what is kept.
    fn keep(&self, source: SecretText) -> Result<Arc<K>> {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = latest.as_ref().filter(|latest| Arc::ptr_eq(&latest.source, &source)) {
            return Ok(Arc::clone(&latest.keys));
        }
        let keys = K::read(source.expose()).map_err(|fault| Error::internal("read keys", fault))?;
        let keys = Arc::new(keys);
        *latest = Some(Latest { source, keys: Arc::clone(&keys) });
        Ok(keys)
    }
}
