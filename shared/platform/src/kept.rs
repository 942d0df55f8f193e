//! Keys that are kept, and read anew when one turns out to be missing.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use kernel::{Error, Result};

use crate::{
    BootError,
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

/// The keys of one secret, as they were when it was last read. Cheap to clone.
#[derive(Clone)]
pub struct Kept<K> {
    secrets: Secrets,
    id: Arc<str>,
    latest: Arc<RwLock<Latest<K>>>,
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
    /// Reads the secret `id`, which the variable `name` names.
    ///
    /// # Errors
    /// [`BootError`] when it cannot be read, or holds something else.
    pub async fn load(secrets: &Secrets, name: &'static str, id: &str) -> Result<Self, BootError> {
        let source = secrets.get(id).await?;
        let keys =
            K::read(source.expose()).map_err(|fault| BootError::Secret { name, fault: fault.to_string() })?;
        let latest = Latest { source, keys: Arc::new(keys) };
        Ok(Self { secrets: secrets.clone(), id: id.into(), latest: Arc::new(RwLock::new(latest)) })
    }

    /// The keys as they were last read.
    pub fn latest(&self) -> Arc<K> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner).keys)
    }

    /// The keys, read anew when `kid` is not among those known: another instance may have begun to use it. The
    /// secret is read at most once in 5 s, and what cannot be read leaves the keys as they are.
    pub async fn knowing(&self, kid: Option<&Kid>) -> Arc<K> {
        let latest = self.latest();
        match kid {
            Some(kid) if !latest.has(kid) => self.renew().await.unwrap_or_else(|error| {
                tracing::error!(error = crate::telemetry::causes(&error), "new keys cannot be read");
                latest
            }),
            _ => latest,
        }
    }

    async fn renew(&self) -> Result<Arc<K>> {
        let source = self.secrets.refresh(&self.id).await?;
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&latest.source, &source) {
            let keys = K::read(source.expose()).map_err(|fault| Error::internal("read keys", fault))?;
            *latest = Latest { source, keys: Arc::new(keys) };
        }
        Ok(Arc::clone(&latest.keys))
    }
}
