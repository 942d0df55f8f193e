//! The admin secret, which opens `/admin` by HTTP Basic where there is no operator's account to log in with.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kernel::{
    Error, Result, Secret, Timestamp,
    id::{Id as _, TokenId},
};
use ring::hmac;
use serde::Deserialize;
use store::{Change, SealingKey, Store, audit};
use subtle::ConstantTimeEq as _;

use crate::{
    Boot, Clock,
    argon2id::{self, Cores, Phc},
    auth,
    config::{ConfigError, Reader},
    edge::read_tables,
    ids,
    secrets::{SecretText, Secrets},
};

/// The variable that names the secret with the hash.
pub const ADMIN_SECRET: &str = "ADMIN_SECRET";

/// The name that stands before the secret in HTTP Basic.
pub const USERNAME: &str = "admin";

/// For how long a secret that was right is known without hashing it again.
const KNOWN_FOR: Duration = Duration::from_mins(1);

/// For whoever puts another secret in its place, which the audit log tells of.
#[derive(Debug)]
pub struct Replacing {
    secrets: Secrets,
    id: String,
    store: Store,
    clock: Clock,
}

impl Replacing {
    /// Reads where it is.
    ///
    /// # Errors
    /// [`ConfigError`], with every fault at once.
    pub fn read(boot: &Boot) -> std::result::Result<Self, ConfigError> {
        let mut env = Reader::new(&boot.vars);
        let id: Option<String> = env.required(ADMIN_SECRET);
        let tables = read_tables(&mut env, &[audit::TABLE]);
        let (id, tables) = env.finish(|| id.zip(tables))?;
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
        Ok(Self {
            secrets: Secrets::new(&boot.aws, boot.clock.clone()),
            id,
            store,
            clock: boot.clock.clone(),
        })
    }

    /// Puts the [`document`] of another secret in its place. It is no row of a table, so it is no transaction: what
    /// fails after its entry is written is done again with another.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when AWS does not answer.
    pub async fn put(&self, document: &str) -> Result<()> {
        let now = self.clock.now();
        let version = ids::new::<TokenId>(now).uuid();
        let change = Change::new("admin_secret.replace", "admin_secret", version);
        self.store.commit(&auth::by_itself(format!("admin-{version}"), now), change).await?;
        self.secrets.put(&self.id, version, document).await
    }
}

/// Compares presented secrets with the hash in Secrets Manager.
#[derive(Debug)]
pub(crate) struct AdminSecret {
    secrets: Secrets,
    id: String,
    cores: Cores,
    /// Keyed anew in each process: what is remembered of a right secret says nothing elsewhere.
    memory_key: hmac::Key,
    right: Mutex<Option<Right>>,
}

/// A secret that was right.
#[derive(Debug)]
struct Right {
    mac: hmac::Tag,
    source: SecretText,
    until: Timestamp,
}

/// `{"hash": "$argon2id$…"}`. Empty until somebody sets it.
#[derive(Deserialize)]
struct Document {
    hash: Option<String>,
}

impl AdminSecret {
    pub(crate) fn new(secrets: Secrets, id: String) -> Self {
        let memory_key = hmac::Key::new(hmac::HMAC_SHA256, &ids::random::<32>());
        Self { secrets, id, cores: Cores::all(), memory_key, right: Mutex::default() }
    }

    /// Whether this very secret was right a moment ago: no hash is needed to tell.
    pub(crate) async fn remembers(&self, presented: &Secret<String>, now: Timestamp) -> Result<bool> {
        let Some(source) = self.source().await? else {
            return Ok(false);
        };
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let right =
            right.as_ref().filter(|right| now < right.until && right.source.expose() == source.expose());
        let bytes = presented.expose().as_bytes();
        Ok(right.is_some_and(|right| hmac::verify(&self.memory_key, bytes, right.mac.as_ref()).is_ok()))
    }

    /// Whether the secret is right; a hash is made only where there is one to compare with, and whether there is one is
    /// no secret.
    ///
    /// # Errors
    /// [`Error::Internal`] when Secrets Manager holds something else than a hash.
    pub(crate) async fn verify(&self, presented: &Secret<String>, now: Timestamp) -> Result<bool> {
        let Some(source) = self.source().await? else {
            return Ok(false);
        };
        let fault = |fault: &'static str| Error::internal("read the admin secret's hash", fault);
        let document: Document =
            serde_json::from_str(source.expose()).map_err(|_| fault("it is not {\"hash\": …}"))?;
        let Some(hash) = document.hash else {
            return Ok(false);
        };
        let phc = Phc::parse(&hash).filter(|phc| !phc.cost.is_excessive());
        let phc = phc.ok_or_else(|| fault("it is no Argon2id PHC string, or too costly"))?;
        let text = presented.clone();
        let is_right = self.cores.run(move || {
            let computed = argon2id::compute(text.expose(), &[], phc.cost, &phc.salt, phc.output.len());
            computed.map(|computed| bool::from(computed.ct_eq(&phc.output)))
        });
        let is_right = is_right.await?.map_err(|error| Error::internal("hash the admin secret", error))?;
        if is_right {
            let mac = hmac::sign(&self.memory_key, presented.expose().as_bytes());
            let right = Right { mac, source, until: now + KNOWN_FOR };
            *self.right.lock().unwrap_or_else(PoisonError::into_inner) = Some(right);
        }
        Ok(is_right)
    }

    /// `None` until the secret has a value: then nobody gets in this way.
    async fn source(&self) -> Result<Option<SecretText>> {
        match self.secrets.get(&self.id).await {
            Ok(text) => Ok(Some(text)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What Secrets Manager is to hold for a new secret.
///
/// # Errors
/// [`Error::Internal`] when there is no memory to hash with.
pub fn document(secret: &str) -> Result<String> {
    let salt: [u8; argon2id::SALT_BYTES] = ids::random();
    let output = argon2id::compute(secret, &[], argon2id::CURRENT, &salt, argon2id::OUTPUT_BYTES);
    let output = output.map_err(|error| Error::internal("hash the admin secret", error))?;
    let hash = Phc { cost: argon2id::CURRENT, salt: salt.into(), output }.to_string();
    Ok(serde_json::json!({ "hash": hash }).to_string())
}

/// The secret in a value of `Authorization: Basic` (RFC 7617 §2), if it is the administrator's.
pub(crate) fn read_basic(credentials: &str) -> Option<Secret<String>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    (name == USERNAME).then(|| Secret::new(secret.to_owned()))
}
