//! What every HTTP function shares: configuration, store, verifier, keys.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use aws_types::SdkConfig;
use futures_util::future::join;
use kernel::{Error, Result, claims::Expected};
use ring::hmac;
use store::{SealingKey, Store, Table};

use crate::{
    Boot, BootError, Clock,
    admin_secret::AdminSecret,
    api_key::{ApiKeys, ApiSecretKeys},
    auth::RevocationCache,
    config::Reader,
    ids,
    kept::Kept,
    keyring::{AppKeys, KEY_BYTES},
    keys::Verifier,
    limiter::{Limiter, Rates},
    secrets::Secrets,
};

/// The variable that names the secret with the symmetric keys.
pub const APP_KEYS_SECRET: &str = "APP_KEYS_SECRET";

/// The audience of access tokens.
pub const AUDIENCE: &str = "groundwork-api";

/// The shared ground of a function's handlers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    secrets: Secrets,
    clock: Clock,
    aws: SdkConfig,
    config: EdgeConfig,
    verifier: Verifier,
    revocations: RevocationCache,
    api_keys: ApiKeys,
    admin_secret: Option<AdminSecret>,
    limiter: Limiter,
    pseudonym_key: hmac::Key,
    csrf_key: hmac::Key,
}

/// What the ground derives from the symmetric keys.
struct Derived {
    sealing: [u8; KEY_BYTES],
    pseudonyms: [u8; KEY_BYTES],
    csrf: [u8; KEY_BYTES],
}

impl Derived {
    fn of(app_keys: &AppKeys) -> Self {
        let key = |info| {
            let key = app_keys.purpose_key(app_keys.current(), info);
            key.expect("the current key is among the keys: the parser saw to it")
        };
        Self { sealing: key("sealing/v1"), pseudonyms: key("pseudonyms/v1"), csrf: key("csrf/v1") }
    }

    /// Keys that nobody else has and nobody keeps.
    fn throwaway() -> Self {
        Self { sealing: ids::random(), pseudonyms: ids::random(), csrf: ids::random() }
    }
}

/// Configuration of every HTTP function.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// `PUBLIC_URL`: where clients reach the API; the issuer of tokens.
    pub public_url: PublicUrl,
    /// `ALLOWED_ORIGINS`: browser origins that may call it, comma-separated; none unless told.
    pub allowed_origins: Origins,
    /// `VERIFICATION_KEYS_SECRET`: the secret with the public keys.
    pub verification_keys_secret: String,
    /// `APP_KEYS_SECRET`: the secret with the symmetric keys.
    pub app_keys_secret: String,
    /// `ADMIN_SECRET`: the secret with the hash of what opens `/admin`, in the function that serves it.
    pub admin_secret: Option<String>,
    /// How often callers may ask.
    pub rates: Rates,
    /// The physical name of each table.
    pub tables: HashMap<Table, String>,
}

/// An absolute http or https URL without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.ends_with('/') => Ok(Self(text.to_owned())),
            _ => Err("must be an http or https URL without a trailing slash"),
        }
    }
}

/// Browser origins (RFC 6454), exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Whether a browser page of that origin may call the API.
    pub fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins
            .map(|origin| {
                let host = origin.split_once("://").map(|(_, host)| host);
                match host {
                    Some(host) if !host.is_empty() && !host.contains(['/', '*']) => Ok(origin.to_owned()),
                    _ => Err(format!("{origin} is no origin; write it like https://app.example.com")),
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl EdgeConfig {
    /// Reads the configuration of a function that knows its callers and uses `tables`. `None` when a fault was noted.
    pub fn read(env: &mut Reader<'_>, tables: &[Table]) -> Option<Self> {
        let rates = Rates::read(env);
        let config = Self::of_public(env, tables);
        Some(Self { rates: rates?, ..config? })
    }

    /// Reads the configuration of a function that everybody may call as often as they like. `None` when a fault was
    /// noted.
    pub fn of_public(env: &mut Reader<'_>, tables: &[Table]) -> Option<Self> {
        // All are read before the first missing one ends it.
        let public_url = env.required("PUBLIC_URL");
        let allowed_origins = env.or("ALLOWED_ORIGINS", "");
        let verification_keys_secret = env.required("VERIFICATION_KEYS_SECRET");
        let app_keys_secret = env.required(APP_KEYS_SECRET);
        let tables = read_tables(env, tables);
        Some(Self {
            public_url: public_url?,
            allowed_origins: allowed_origins?,
            verification_keys_secret: verification_keys_secret?,
            app_keys_secret: app_keys_secret?,
            admin_secret: None,
            rates: Rates::none(),
            tables: tables?,
        })
    }
}

impl Edge {
    /// Builds the ground of a function. Both secrets are fetched at the same time; that the one with the public keys
    /// cannot be read is told to whoever verifies a token.
    ///
    /// # Errors
    /// [`BootError`] when a secret cannot be read, or holds something else.
    pub async fn new(boot: &Boot, config: EdgeConfig) -> Result<Self, BootError> {
        let (aws, tables) = (boot.aws.clone(), config.tables.clone());
        // Making the client takes as long as the secrets are on their way: done beside, it takes no time.
        let store = tokio::task::spawn_blocking(move || Store::new(&aws, tables, SealingKey::throwaway()));
        let secrets = Secrets::new(&boot.aws, boot.clock.clone());
        let (app_keys, _) =
            join(secrets.get(&config.app_keys_secret), secrets.get(&config.verification_keys_secret)).await;
        let app_keys = AppKeys::from_json(app_keys?.expose())
            .map_err(|fault| BootError::Secret { name: APP_KEYS_SECRET, fault: fault.to_string() })?;
        let store = store.await.map_err(|error| Error::internal("make the store", error))?;
        Ok(Self::build(boot, config, secrets, store, &Derived::of(&app_keys)))
    }

    /// Builds the ground of a function whose routes are all public, without asking anybody: it starts when nothing
    /// else does. It can neither give out cursors or record answers, nor check CSRF tokens, and the pseudonyms in its
    /// log are its own.
    pub fn keyless(boot: &Boot, config: EdgeConfig) -> Self {
        let secrets = Secrets::new(&boot.aws, boot.clock.clone());
        let store = Store::new(&boot.aws, config.tables.clone(), SealingKey::throwaway());
        Self::build(boot, config, secrets, store, &Derived::throwaway())
    }

    fn build(boot: &Boot, config: EdgeConfig, secrets: Secrets, store: Store, keys: &Derived) -> Self {
        let expected = Expected { issuer: config.public_url.0.clone(), audience: AUDIENCE.to_owned() };
        let verifier = Verifier::new(secrets.clone(), config.verification_keys_secret.clone(), expected);
        Self(Arc::new(Inner {
            store: store.with_sealing_key(SealingKey::new(&keys.sealing)),
            verifier,
            revocations: RevocationCache::default(),
            api_keys: ApiKeys::new(Kept::new(&secrets, &config.app_keys_secret)),
            admin_secret: config.admin_secret.clone().map(|id| AdminSecret::new(secrets.clone(), id)),
            limiter: Limiter::new(config.rates),
            pseudonym_key: hmac::Key::new(hmac::HMAC_SHA256, &keys.pseudonyms),
            csrf_key: hmac::Key::new(hmac::HMAC_SHA256, &keys.csrf),
            secrets,
            clock: boot.clock.clone(),
            aws: boot.aws.clone(),
            config,
        }))
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What further AWS clients are made of.
    pub fn aws(&self) -> &SdkConfig {
        &self.0.aws
    }

    /// The configuration.
    pub fn config(&self) -> &EdgeConfig {
        &self.0.config
    }

    /// Verifies access tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// What the secrets of API keys are hashed with.
    pub fn api_secret_keys(&self) -> &Kept<ApiSecretKeys> {
        self.0.api_keys.secret_keys()
    }

    pub(crate) fn api_keys(&self) -> &ApiKeys {
        &self.0.api_keys
    }

    pub(crate) fn admin_secret(&self) -> Option<&AdminSecret> {
        self.0.admin_secret.as_ref()
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(crate) fn revocations(&self) -> &RevocationCache {
        &self.0.revocations
    }

    pub(crate) fn csrf_key(&self) -> &hmac::Key {
        &self.0.csrf_key
    }

    /// A keyed hash of a personal datum (an address, an e-mail) that stands for it in keys, counters and logs.
    pub fn pseudonym(&self, datum: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(&hmac::sign(&self.0.pseudonym_key, datum.as_bytes()).as_ref()[..16])
    }
}

/// The physical names of tables. `None` when a fault was noted.
pub fn read_tables(env: &mut Reader<'_>, tables: &[Table]) -> Option<HashMap<Table, String>> {
    let names: Vec<(Table, Option<String>)> =
        tables.iter().map(|table| (*table, env.required(table.0))).collect();
    names.into_iter().map(|(table, name)| Some((table, name?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_origins_are_checked() {
        for (text, is_right) in [
            ("https://api.example.com", true),
            ("http://127.0.0.1:8080", true),
            ("https://a/", false),
            ("ftp://a", false),
            ("https://", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<PublicUrl>().is_ok(), is_right, "{text}");
        }
        let origins: Origins = "http://localhost:3000, https://app.example.com".parse().unwrap();
        assert!(origins.allow("http://localhost:3000") && origins.allow("https://app.example.com"));
        assert!(!origins.allow("http://localhost:3001") && !origins.allow("null"));
        for wrong in ["*", "https://*.example.com", "app.example.com", "https://a/b"] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
