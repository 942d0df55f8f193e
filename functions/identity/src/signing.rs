//! The keys that sign access tokens.
//!
//! Two secrets hold them: one the private halves ([`KeySet`]), which identity and the rotation read, and one what the
//! world is told ([`Publication`]), which every function reads. What happens to a key is decided by pure functions on
//! the two ([`set`]), along one table ([`state`]); [`Vault`] reads and writes, [`SigningKeys`] signs.

mod drift;
pub mod key;
pub mod operation;
pub mod policy;
pub mod publication;
pub mod rotation;
pub mod set;
pub mod state;
pub mod vault;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use kernel::{
    Error, Result,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims},
    id::Id,
};
use platform::{jwt::KeyPair, metrics::Metrics, secrets::SecretText};
use tokio::sync::OnceCell;

pub use key::SigningKey;
pub use policy::Policy;
pub use publication::Publication;
pub use set::{KeySet, Refusal};
pub use state::KeyState;
pub use vault::Vault;

/// Signs with the key set in use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    vault: Vault,
    ensured: Arc<OnceCell<()>>,
    latest: Arc<RwLock<Option<Latest>>>,
    watch: drift::Watch,
}

/// What was read last, and what it was read from.
type Latest = (SecretText, Arc<Signers>);

/// A key set, and of its private halves those that have signed.
#[derive(Debug)]
pub struct Signers {
    set: KeySet,
    policy: Policy,
    /// Reading a private half takes longer than signing, and most of a set's never sign.
    pairs: HashMap<String, OnceLock<KeyPair>>,
}

impl Signers {
    fn new(set: KeySet, policy: Policy) -> Self {
        let pairs = set.keys.iter().map(|key| (key.kid().to_owned(), OnceLock::new())).collect();
        Self { set, policy, pairs }
    }

    /// The id of the key that signs the tokens of a session now.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key signs.
    pub fn kid_for(&self, session: impl Id) -> Result<&str> {
        self.set.signer(&self.policy.dual, session.uuid()).map(SigningKey::kid).ok_or_else(no_key)
    }

    /// Signs with a key, named so that the same claims make the same token. When that key has been taken out of use
    /// meanwhile, the one that signs now takes its place; says which it was.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key signs.
    pub fn sign(&self, kid: &str, claims: &AccessClaims) -> Result<(String, &str)> {
        let named = self.set.find(kid).filter(|key| key.private.is_some());
        let key = named.or_else(|| self.set.signer(&self.policy.dual, claims.line())).ok_or_else(no_key)?;
        let token = self.pair(key)?.token(ACCESS_TOKEN_TYPE, key.kid(), claims)?;
        Ok((token, key.kid()))
    }

    fn pair(&self, key: &SigningKey) -> Result<&KeyPair> {
        let place = self.pairs.get(key.kid()).ok_or_else(no_key)?;
        if let Some(pair) = place.get() {
            return Ok(pair);
        }
        let pair = key.pair()?;
        Ok(place.get_or_init(|| pair))
    }
}

impl SigningKeys {
    /// Over the keys of a vault. Nothing is read yet.
    pub fn new(vault: Vault, metrics: Metrics) -> Self {
        Self { vault, ensured: Arc::default(), latest: Arc::default(), watch: drift::Watch::new(metrics) }
    }

    /// Where the keys are.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Makes the first key set when there is none, and publishes what is not published: nothing is signed that
    /// nobody could verify.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn ensure(&self) -> Result<()> {
        self.ensured.get_or_try_init(|| self.make_and_publish()).await.copied()
    }

    async fn make_and_publish(&self) -> Result<()> {
        let set = match self.stored().await {
            Err(Error::NotFound(_)) => self.vault.begin().await?,
            stored => stored?.set.clone(),
        };
        match self.vault.published().await {
            Ok(publication) if publication.covers(&set) => Ok(()),
            Ok(_) | Err(Error::NotFound(_)) => self.vault.announce(&set).await.map(drop),
            Err(error) => Err(error),
        }
    }

    /// The keys to sign with, at most as old as a secret is kept; made when there are none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn latest(&self) -> Result<Arc<Signers>> {
        self.ensure().await?;
        let signers = self.stored().await?;
        self.look_for_drift(&signers.set).await;
        Ok(signers)
    }

    /// Signing goes on whatever is found: an alarm tells whoever runs the platform.
    async fn look_for_drift(&self, set: &KeySet) {
        let now = self.vault.now();
        if !self.watch.is_due(now) {
            return;
        }
        if let Ok(published) = self.vault.published().await {
            let age = self.vault.secrets().age(self.vault.signing_secret());
            self.watch.tell(drift::drift(set, age, &published, now), now);
        }
    }

    async fn stored(&self) -> Result<Arc<Signers>> {
        let source = self.vault.secrets().get(self.vault.signing_secret()).await?;
        if let Some((_, known)) = self.known().filter(|(known, _)| Arc::ptr_eq(known, &source)) {
            return Ok(known);
        }
        let signers = Arc::new(Signers::new(vault::from_json(source.expose())?, *self.vault.policy()));
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        *latest = Some((source, Arc::clone(&signers)));
        Ok(signers)
    }

    fn known(&self) -> Option<Latest> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn no_key() -> Error {
    Error::internal("sign a token", "no key signs")
}
