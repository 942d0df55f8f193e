//! The two secrets with the keys: one with the private halves, one with the public.

use std::sync::Arc;

use kernel::{Error, Result, Timestamp};
use platform::{
    Clock, auth,
    secrets::{CURRENT, PENDING, Secrets},
};
use ring::digest::{SHA256, digest};
use serde::{Serialize, de::DeserializeOwned};
use store::{Change, Store};
use uuid::Uuid;

use super::{policy::Policy, publication::Publication, set::KeySet};

/// The label under which a change is written before it takes the place of what it was made from.
const EDIT: &str = "GROUNDWORK_EDIT";

/// The name of the first version of the key set: of two functions that start at once, one writes it.
const FIRST_VERSION: Uuid = Uuid::from_u128(0x6772_6f75_6e64_776f_8000_6b65_7973_0001);

/// How often a publication is looked at again because keys were revoked while it was written.
const TRIES: u32 = 5;

/// Reads and writes the keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    secrets: Secrets,
    signing: Arc<str>,
    verification: Arc<str>,
    policy: Policy,
    store: Store,
    clock: Clock,
}

impl Vault {
    /// Over the secret with the private halves and the one with the public; with the store that audits what is done to
    /// them.
    pub fn new(
        secrets: Secrets,
        (signing, verification): (&str, &str),
        policy: Policy,
        store: Store,
        clock: Clock,
    ) -> Self {
        Self { secrets, signing: signing.into(), verification: verification.into(), policy, store, clock }
    }

    /// The deployment's policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The secrets, as they are kept in this process.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The id of the secret with the private halves.
    pub fn signing_secret(&self) -> &str {
        &self.signing
    }

    /// The set in use at this moment, with its version; `None` before the first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn current(&self) -> Result<Option<(String, KeySet)>> {
        let Some(version) = self.secrets.current(&self.signing).await? else { return Ok(None) };
        Ok(Some((version.id, from_json(version.text.expose())?)))
    }

    /// The set that a rotation is about to put in use; `None` before it was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn prepared(&self, version: &str) -> Result<Option<KeySet>> {
        let version = self.secrets.version(&self.signing, version).await?;
        version.map(|version| from_json(version.text.expose())).transpose()
    }

    /// Writes the set that a rotation is about to put in use. Who comes second under the same version changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn prepare(&self, version: &str, set: &KeySet) -> Result<()> {
        self.secrets.stage(&self.signing, version, PENDING, &to_json(set)?).await
    }

    /// Writes into the audit log what is about to be done to the keys. They are no row of a table, so it is no
    /// transaction: what fails after this, at this very moment, has its entry all the same.
    async fn record(&self, action: &'static str, version: &str) -> Result<()> {
        let actor = auth::by_itself(format!("keys-{version}"), self.now());
        self.store.commit(&actor, Change::new(action, "signing_keys", version)).await
    }

    /// Puts a version in use in place of `base`, and of no other: an `action` of the audit log.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another is in use by now.
    pub async fn put_in_use(&self, action: &'static str, version: &str, base: Option<&str>) -> Result<()> {
        let in_use = self.secrets.labels(&self.signing).await?;
        if base.is_none_or(|base| in_use.has(base, CURRENT)) {
            self.record(action, version).await?;
        }
        self.secrets.move_label(&self.signing, CURRENT, Some(version), base).await
    }

    /// Gives up what a rotation has prepared, unless that was done before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn give_up(&self, version: &str) -> Result<()> {
        match self.secrets.move_label(&self.signing, PENDING, None, Some(version)).await {
            Err(Error::Conflict { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// Has the rotation function called; the version that it is going to put in use.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a rotation is under way.
    pub async fn begin_rotation(&self) -> Result<String> {
        self.secrets.begin_rotation(&self.signing).await
    }

    /// Whether a version has a staging label.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn has_label(&self, version: &str, label: &str) -> Result<bool> {
        Ok(self.secrets.labels(&self.signing).await?.has(version, label))
    }

    /// Puts a changed set in use in place of the version it was made from, and publishes it: an `action` of the audit log.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another set is in use by now: nothing has changed.
    pub async fn replace(&self, action: &'static str, base: &str, set: &KeySet) -> Result<()> {
        let version = Uuid::from_bytes(platform::ids::random()).to_string();
        self.secrets.stage(&self.signing, &version, EDIT, &to_json(set)?).await?;
        self.put_in_use(action, &version, Some(base)).await?;
        self.publish(set).await.map(drop)
    }

    /// Makes the first set, unless another function is faster; its keys are the keys then.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn begin(&self) -> Result<KeySet> {
        let first = KeySet::first(self.now())?;
        self.record("signing_keys.create", &FIRST_VERSION.to_string()).await?;
        match self.secrets.put(&self.signing, FIRST_VERSION, &to_json(&first)?).await {
            Ok(()) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let made = self.current().await?;
        made.map(|(_, set)| set).ok_or_else(|| Error::internal("make the signing keys", "they are not there"))
    }

    /// What the world has been told at this moment; `None` before the first set.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn publication(&self) -> Result<Option<Publication>> {
        let version = self.secrets.current(&self.verification).await?;
        version.map(|version| from_json(version.text.expose())).transpose()
    }

    /// Publishes the set in use, and notes since when its keys are what they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn publish(&self, set: &KeySet) -> Result<Publication> {
        let before = self.publication().await?;
        let after = Publication::of(set, before.as_ref(), &self.policy, self.now());
        self.write(before, after).await
    }

    /// Publishes a set that is not in use yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn announce(&self, set: &KeySet) -> Result<Publication> {
        let before = self.publication().await?;
        let after = match &before {
            Some(before) => before.announcing(set, self.now()),
            None => Publication::of(set, None, &self.policy, self.now()),
        };
        self.write(before, after).await
    }

    /// Whoever revokes a key changes the set first and publishes then. So what is written never has a key that the set in
    /// use has retired, and is looked at again once it is written: what was revoked meanwhile goes again.
    async fn write(&self, mut before: Option<Publication>, mut after: Publication) -> Result<Publication> {
        for _ in 0..TRIES {
            if let Some((_, in_use)) = self.current().await? {
                after = after.withdrawing(&in_use, self.now());
            }
            if before.as_ref() == Some(&after) {
                return Ok(after);
            }
            self.put(&after).await?;
            before = Some(after.clone());
        }
        Err(Error::unavailable("publish the keys", "they kept being changed"))
    }

    async fn put(&self, publication: &Publication) -> Result<()> {
        let text = to_json(publication)?;
        // Named by its content, times and all: of two that publish the same one is enough.
        let hash = digest(&SHA256, text.as_bytes());
        let mut name = [0; 16];
        name.copy_from_slice(&hash.as_ref()[..16]);
        let version = uuid::Builder::from_custom_bytes(name).into_uuid();
        self.secrets.put(&self.verification, version, &text).await
    }

    /// What the world has been told, at most as old as a secret is kept.
    ///
    /// # Errors
    /// [`Error::NotFound`] before the first set, [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn published(&self) -> Result<Publication> {
        from_json(self.secrets.get(&self.verification).await?.expose())
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("write a key set", error))
}

/// Reads a key set. The parser's message could quote the secret, so only its place is told.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::internal("read the keys", format!("line {}, column {}", error.line(), error.column()))
    })
}
