//! What a service account shows that it is the one: secrets and keys.

use kernel::{
    Input, Pointer, Secret, Timestamp,
    id::{ClientSecretId, Id as _, ServiceAccountId},
    input::{Faults, JsonValue},
};
use platform::keyring::{AppKeys, KeyedHash, Kid, token_bytes, token_text};
use serde::{Deserialize, Serialize};

use crate::public_key::PublicKey;

const PREFIX: &str = "gw_cs_";
const HASH_INFO: &str = "client-secret/hash/v1";
const SECRET_BYTES: usize = 32;

/// A client secret as it is stored: 256 random bits need no slow hash, and the keyed one tells nothing to whoever has
/// the table without the application's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Its id.
    pub id: ClientSecretId,
    /// The keyed hash of the secret and its account.
    pub hash: KeyedHash,
    /// The application key it was made with.
    pub hash_kid: Kid,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ClientSecret {
    /// Stores random bytes as the secret of an account; the text of it is shown once.
    pub fn issue(
        id: ClientSecretId,
        random: [u8; SECRET_BYTES],
        account: ServiceAccountId,
        keys: &AppKeys,
        now: Timestamp,
    ) -> (Secret<String>, Self) {
        let kid = keys.current();
        let hash = hash(&random, account, keys, kid)
            .expect("application keys are read only with their current key among them");
        let text = Secret::new(token_text(PREFIX, &random));
        (text, Self { id, hash, hash_kid: kid.clone(), created_at: now })
    }

    /// Whether a text is this secret. Compared in constant time.
    pub fn matches(&self, text: &str, account: ServiceAccountId, keys: &AppKeys) -> bool {
        token_bytes(PREFIX, text)
            .filter(|bytes| bytes.len() == SECRET_BYTES)
            .and_then(|bytes| hash(&bytes, account, keys, &self.hash_kid))
            == Some(self.hash)
    }

    /// The same secret under the current application key; `None` when it is. The text must be its own.
    pub fn rehashed(&self, text: &str, account: ServiceAccountId, keys: &AppKeys) -> Option<Self> {
        let kid = keys.current();
        let bytes = token_bytes(PREFIX, text).filter(|_| self.hash_kid != *kid)?;
        let hash = hash(&bytes, account, keys, kid)?;
        Some(Self { hash, hash_kid: kid.clone(), ..self.clone() })
    }
}

/// Bound to the account, so that a hash moved to another one opens nothing.
fn hash(secret: &[u8], account: ServiceAccountId, keys: &AppKeys, kid: &Kid) -> Option<KeyedHash> {
    let key = keys.hmac_key(kid, HASH_INFO)?;
    Some(KeyedHash::of(&key, &[account.uuid().as_bytes(), secret]))
}

/// A secret as administrators see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "01981f9a-2e4b-7e21-8c5d-0a1b2c3d4e5f", "created_at": "2026-01-31T12:00:00.000Z"}))]
pub struct SecretView {
    /// Its id.
    pub id: ClientSecretId,
    /// The secret itself: only in the answer that made it, and nowhere afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<&ClientSecret> for SecretView {
    fn from(secret: &ClientSecret) -> Self {
        Self { id: secret.id, client_secret: None, created_at: secret.created_at }
    }
}

/// A public key of a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// Its thumbprint (RFC 7638).
    pub id: String,
    /// What its assertions call it in `kid`.
    pub kid: String,
    /// The key.
    pub public: PublicKey,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A key as administrators see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "kid": "import-1", "alg": "EdDSA",
    "created_at": "2026-01-31T12:00:00.000Z"
}))]
pub struct KeyView {
    /// Its thumbprint (RFC 7638), base64url.
    pub id: String,
    /// What assertions call it in `kid`.
    pub kid: String,
    /// The one algorithm it verifies: `EdDSA`, `ES256` or `RS256`.
    pub alg: &'static str,
    /// When it was added.
    pub created_at: Timestamp,
}

impl From<&ClientKey> for KeyView {
    fn from(key: &ClientKey) -> Self {
        Self {
            id: key.id.clone(),
            kid: key.kid.clone(),
            alg: key.public.algorithm_names()[0],
            created_at: key.created_at,
        }
    }
}

/// A JWK as it was uploaded.
#[derive(Clone, Debug)]
pub struct UploadedKey {
    public: PublicKey,
    kid: Option<String>,
}

impl UploadedKey {
    /// The key of an account. Without a `kid` of its own it goes by its thumbprint.
    pub fn adopt(self, now: Timestamp) -> ClientKey {
        let id = self.public.thumbprint();
        ClientKey { kid: self.kid.unwrap_or_else(|| id.clone()), id, public: self.public, created_at: now }
    }
}

/// The members that an uploaded key may have; private ones are refused in words of their own.
const MEMBERS: [&str; 10] = ["kty", "crv", "x", "y", "n", "e", "alg", "kid", "use", "key_ops"];

/// What the Web Cryptography API adds to a key that it exports: it says nothing of it here.
const IGNORED: &str = "ext";

/// How long a `kid` may be, in bytes.
const KID_MAX: usize = 128;

impl Input for UploadedKey {
    fn read(value: &JsonValue, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        let JsonValue::Object(jwk) = value else {
            faults.push(at, "must be an object");
            return None;
        };
        let public = PublicKey::read(jwk);
        let told: Vec<&str> = public.as_ref().err().into_iter().flatten().map(|wrong| wrong.member).collect();
        for wrong in public.as_ref().err().into_iter().flatten() {
            faults.push(&at.key(wrong.member), wrong.detail);
        }
        let is_known = |name: &str| MEMBERS.contains(&name) || name == IGNORED || told.contains(&name);
        let unknown: Vec<_> = jwk.keys().filter(|name| !is_known(name)).collect();
        for name in &unknown {
            faults.push(&at.key(name), "is not a known field");
        }
        let kid = read_kid(jwk.get("kid"), &at.key("kid"), faults)?;
        public.ok().filter(|_| unknown.is_empty()).map(|public| Self { public, kid })
    }
}

/// The outer `None` is a fault, the inner one a key without a name.
#[expect(clippy::option_option, reason = "`Input` tells a fault by `None`, and the name may be absent")]
fn read_kid(value: Option<&JsonValue>, at: &Pointer, faults: &mut Faults) -> Option<Option<String>> {
    let Some(value) = value else {
        return Some(None);
    };
    let is_name =
        |kid: &&str| (1..=KID_MAX).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic());
    let kid = value.as_str().filter(is_name);
    if kid.is_none() {
        faults.push(at, "must be 1 to 128 visible ASCII characters");
    }
    kid.map(|kid| Some(kid.to_owned()))
}
