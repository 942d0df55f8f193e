//! API keys: what is stored of them, and whether a presented one may pass.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use kernel::{
    Error, Permission, Principal, PrincipalKind, Rate, Result, Role, Timestamp,
    api_key::ApiKeyText,
    id::{ApiKeyId, Id as _, TenantId},
    principal::Scopes,
};
use ring::hmac;
use serde::{Deserialize, Serialize};
use store::{Actor, Change, Entity, Index, Key, Query, Store, Stored, Table, limit::Subject};

use crate::{
    kept::{Kept, Keys},
    keyring::{AppKeys, KeyedHash, KeyringError, Kid},
    tenancy::{self, Tenant},
};

/// Where API keys are.
pub const TABLE: Table = Table("ACCESS_TABLE");

/// How long a key that was read is used without reading it again: a change is seen everywhere within that time.
const FRESH: Duration = Duration::from_secs(5);

/// How many keys are remembered, known and unknown.
const REMEMBERED_MAX: usize = 10_000;

/// All keys, for operators. One partition: keys are made slowly and listed by few.
const ALL: (Index, &str) = (Index("gsi1"), "api_keys");

/// A key as it is stored: everything but the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// What people call it.
    pub name: String,
    /// Its role in that tenant.
    pub role: Role,
    /// What it was narrowed to.
    pub scopes: Vec<Permission>,
    /// Requests a minute.
    pub rate_per_minute: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
    /// Where it may be used from; anywhere when empty.
    pub cidrs: Vec<IpNet>,
    /// Until when it may be used.
    pub expires_at: Option<Timestamp>,
    /// The hash of its secret, and of the one before while that may still be used.
    pub secrets: Vec<ApiSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What is stored of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiSecret {
    /// The application key it is hashed with.
    pub kid: Kid,
    /// HMAC-SHA256 of the whole text. A key has 256 random bits: nothing slower is needed to keep it from being guessed.
    pub hash: KeyedHash,
    /// Until when it may be used, once there is a newer one.
    pub until: Option<Timestamp>,
}

impl ApiKey {
    /// Its primary key.
    pub fn key_of(id: ApiKeyId) -> Key {
        Key::new(format!("api_key#{id}"), "api_key")
    }

    /// Every key.
    pub fn all() -> Query<Self> {
        Query::index(ALL.0, ALL.1, "")
    }

    /// Adds to a change that it is made, in a tenant that must exist.
    pub fn create(&self, change: Change, on_no_tenant: Error) -> Change {
        let exists = || Error::internal("create an API key", "its id exists");
        change
            .require_exists::<Tenant>(tenancy::key_of(self.tenant_id), on_no_tenant)
            .create(self, exists())
            .create(&KeyOfTenant { tenant_id: self.tenant_id, id: self.id }, exists())
    }

    /// Adds to a change that it goes, unless somebody else changed it since it was read.
    pub fn delete(key: &Stored<Self>, change: Change, on_race: Error) -> Change {
        change.delete_or(key, on_race).discard::<KeyOfTenant>(KeyOfTenant::key_of(key.tenant_id, key.id))
    }

    /// Deletes every key of a tenant; `change` begins each change that this takes. After the tenant's own end, which no
    /// key is made behind, none is left.
    ///
    /// # Errors
    /// Those of the store. Whoever was interrupted asks again.
    pub async fn delete_all(
        store: &Store,
        actor: &Actor,
        tenant_id: TenantId,
        change: impl Fn() -> Change,
    ) -> Result<()> {
        let found = store.all(&KeyOfTenant::of(tenant_id)).await?;
        // The keys first: as long as one is there, so is what finds it.
        store.discard_all::<Self>(actor, found.iter().map(|found| Self::key_of(found.id)), &change).await?;
        store.discard_all::<KeyOfTenant>(actor, found.iter().map(|found| found.key()), &change).await
    }

    /// How often it may ask.
    pub fn rate(&self) -> Rate {
        Rate::new(self.rate_per_minute, self.burst)
    }

    /// Whose requests are counted.
    pub fn subject(id: ApiKeyId) -> Subject {
        Subject { name: format!("{}#{id}", PrincipalKind::ApiKey.name()), is_counted: true }
    }

    /// The caller that the key speaks for, if its secret was presented at a time and from a place where it may be used.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a wrong secret and a key past its time, [`Error::Forbidden`] for a wrong place.
    pub fn admit(
        &self,
        presented: &ApiKeyText,
        keys: &ApiSecretKeys,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Principal> {
        let mut usable = self.secrets.iter().filter(|secret| secret.until.is_none_or(|until| now < until));
        if !usable.any(|secret| keys.hash(&secret.kid, presented).is_some_and(|hash| hash == secret.hash)) {
            return Err(unknown());
        }
        if self.expires_at.is_some_and(|expires_at| now >= expires_at) {
            return Err(Error::Unauthenticated("the API key has expired".into()));
        }
        if !self.is_from(ip) {
            return Err(Error::Forbidden("the API key may not be used from this address".into()));
        }
        Ok(Principal {
            kind: PrincipalKind::ApiKey,
            id: self.id.uuid(),
            tenant_id: self.tenant_id,
            role: self.role,
            scopes: Scopes::Only(self.scopes.clone()),
            session_id: None,
        })
    }

    fn is_from(&self, ip: Option<IpAddr>) -> bool {
        let ip = ip.map(|ip| ip.to_canonical());
        self.cidrs.is_empty() || ip.is_some_and(|ip| self.cidrs.iter().any(|cidr| cidr.contains(&ip)))
    }
}

impl Entity for ApiKey {
    const KIND: &'static str = "api_key";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(ALL.0, Key::new(ALL.1, format!("api_key#{}", self.id)))]
    }
}

/// That a key is a tenant's. It is written with the key and goes with it, and a consistent query finds it: an index,
/// which may be behind, could hide a key from the end of its tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeyOfTenant {
    tenant_id: TenantId,
    id: ApiKeyId,
}

impl KeyOfTenant {
    fn key_of(tenant_id: TenantId, id: ApiKeyId) -> Key {
        Key::new(format!("tenant#{tenant_id}"), format!("api_key#{id}"))
    }

    fn of(tenant_id: TenantId) -> Query<Self> {
        Query::table(format!("tenant#{tenant_id}"), "api_key#").consistent()
    }
}

impl Entity for KeyOfTenant {
    const KIND: &'static str = "api_key_of_tenant";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.tenant_id, self.id)
    }
}

fn unknown() -> Error {
    Error::Unauthenticated("the API key is not valid, or no longer".into())
}

/// What the secrets of API keys are hashed with, by the application key it comes from.
pub struct ApiSecretKeys {
    current: Kid,
    by_kid: BTreeMap<Kid, hmac::Key>,
}

impl Keys for ApiSecretKeys {
    fn read(text: &str) -> Result<Self, KeyringError> {
        let keys = AppKeys::from_json(text)?;
        let by_kid = keys.kids().filter_map(|kid| Some((kid.clone(), keys.hmac_key(kid, "api-keys/v1")?)));
        Ok(Self { current: keys.current().clone(), by_kid: by_kid.collect() })
    }

    fn has(&self, kid: &Kid) -> bool {
        self.by_kid.contains_key(kid)
    }
}

impl ApiSecretKeys {
    /// What is stored of a new key's secret.
    pub fn seal(&self, key: &ApiKeyText) -> Option<ApiSecret> {
        let kid = self.current.clone();
        Some(ApiSecret { hash: self.hash(&kid, key)?, kid, until: None })
    }

    fn hash(&self, kid: &Kid, key: &ApiKeyText) -> Option<KeyedHash> {
        Some(KeyedHash::of(self.by_kid.get(kid)?, &[key.expose().as_bytes()]))
    }
}

/// The keys that callers present, each read at most once in 5 s.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    secret_keys: Kept<ApiSecretKeys>,
    known: Mutex<HashMap<ApiKeyId, Read>>,
}

/// What was found, also when that was nothing.
#[derive(Clone, Debug)]
struct Read {
    key: Option<Arc<Stored<ApiKey>>>,
    read_at: Timestamp,
}

impl ApiKeys {
    pub(crate) fn new(secret_keys: Kept<ApiSecretKeys>) -> Self {
        Self { secret_keys, known: Mutex::default() }
    }

    /// What secrets are hashed with.
    pub(crate) fn secret_keys(&self) -> &Kept<ApiSecretKeys> {
        &self.secret_keys
    }

    /// How often a key may ask that was right when it was read, however long ago that was. Asks no table: enough to refuse,
    /// and not to let in.
    pub(crate) async fn recall(
        &self,
        presented: &ApiKeyText,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Rate> {
        let known = self.lock().get(&presented.id()).cloned();
        self.admitted(known?.key, presented, ip, now).await.ok().map(|(_, rate)| rate)
    }

    /// The caller that a key speaks for, and how often it may ask.
    ///
    /// # Errors
    /// As [`ApiKey::admit`], and the store's.
    pub(crate) async fn admit(
        &self,
        store: &Store,
        presented: &ApiKeyText,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(Principal, Rate)> {
        let Some(known) = self.known(presented.id(), now) else {
            let read = self.read(store, presented.id(), now).await?;
            return self.admitted(read, presented, ip, now).await;
        };
        match self.admitted(known.key, presented, ip, now).await {
            // Its secret may have been changed a moment ago: whoever has the new one should not wait.
            Err(Error::Unauthenticated(_)) => {
                let read_again = self.read(store, presented.id(), now).await?;
                self.admitted(read_again, presented, ip, now).await
            }
            admitted => admitted,
        }
    }

    async fn admitted(
        &self,
        key: Option<Arc<Stored<ApiKey>>>,
        presented: &ApiKeyText,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(Principal, Rate)> {
        let key = key.ok_or_else(unknown)?;
        let kid = key.secrets.last().map(|secret| &secret.kid);
        let secret_keys = self.secret_keys.knowing(kid).await?;
        Ok((key.admit(presented, &secret_keys, ip, now)?, key.rate()))
    }

    /// The key as it was read a moment ago; `None` when it was not.
    fn known(&self, id: ApiKeyId, now: Timestamp) -> Option<Read> {
        let known = self.lock();
        known.get(&id).filter(|read| now.since(read.read_at) < FRESH).cloned()
    }

    async fn read(&self, store: &Store, id: ApiKeyId, now: Timestamp) -> Result<Option<Arc<Stored<ApiKey>>>> {
        let key = store.get(&ApiKey::key_of(id)).await?.map(Arc::new);
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, read| now.since(read.read_at) < FRESH);
        }
        if known.len() < REMEMBERED_MAX {
            known.insert(id, Read { key: key.clone(), read_at: now });
        }
        Ok(key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ApiKeyId, Read>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
