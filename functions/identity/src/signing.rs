//! The keys that sign access tokens: one secret with the private halves, one with the public.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use kernel::{
    Error, Result, Secret, Timestamp,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims},
};
use platform::{
    Clock,
    keys::{Jwk, Jwks, KeyAlgorithm, KeyMaterial},
    secrets::Secrets,
};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, so that verifiers know it before it signs.
    Next,
    /// Signs.
    Active,
    /// Signs no more; tokens it signed may still be alive.
    Retiring,
    /// No token it signed can be alive.
    Retired,
}

impl KeyState {
    /// Whether verifiers should know the key.
    pub const fn is_published(self) -> bool {
        match self {
            Self::Next | Self::Active | Self::Retiring => true,
            Self::Retired => false,
        }
    }
}

/// A key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SigningKey {
    /// The public half.
    pub public: Jwk,
    /// Where it stands.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
    /// The private half: PKCS #8, base64url.
    pub private: Secret<String>,
}

/// Every key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys, in no order.
    pub keys: Vec<SigningKey>,
    /// When the set was last changed.
    pub updated_at: Timestamp,
}

impl KeySet {
    /// The first set: a key that signs and the one to follow it.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key can be made.
    pub fn first(now: Timestamp) -> Result<Self> {
        let keys = [KeyState::Active, KeyState::Next].map(|state| SigningKey::ed25519(state, now));
        let keys = keys.into_iter().collect::<Result<_>>()?;
        Ok(Self { keys, updated_at: now })
    }

    /// What is published: every key that a token could still be signed with, and the next one.
    pub fn jwks(&self) -> Jwks {
        let published = self.keys.iter().filter(|key| key.state.is_published());
        Jwks { keys: published.map(|key| key.public.clone()).collect() }
    }

    fn active(&self) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// A key that may sign: the active one, or one that did when the first of two identical answers was given.
    fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.public.kid == kid && key.state != KeyState::Retired)
    }
}

impl SigningKey {
    fn ed25519(state: KeyState, now: Timestamp) -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| Error::internal("make a signing key", "no randomness"))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|error| Error::internal("make a signing key", error.to_string()))?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        // The thumbprint (RFC 7638, RFC 8037 appendix A.3) names the key by itself.
        let thumbprint = digest(&SHA256, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
        let public = Jwk {
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            alg: KeyAlgorithm::EdDSA,
            usage: "sig".to_owned(),
            material: KeyMaterial::Okp { crv: "Ed25519".to_owned(), x },
        };
        let private = Secret::new(URL_SAFE_NO_PAD.encode(document));
        Ok(Self { public, state, since: now, private })
    }

    fn encoding_key(&self) -> Result<EncodingKey> {
        let der = URL_SAFE_NO_PAD
            .decode(self.private.expose())
            .map_err(|_| Error::internal("read a signing key", "its private half is not base64url"))?;
        Ok(match self.public.alg {
            KeyAlgorithm::EdDSA => EncodingKey::from_ed_der(&der),
            KeyAlgorithm::RS256 => EncodingKey::from_rsa_der(&der),
        })
    }

    fn sign(&self, claims: &AccessClaims) -> Result<String> {
        let mut header = Header::new(self.public.alg.jwt());
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(self.public.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding_key()?)
            .map_err(|error| Error::internal("sign a token", error))
    }
}

/// Reads the key set and signs with it.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    secrets: Secrets,
    signing_secret: Arc<str>,
    verification_secret: Arc<str>,
    clock: Clock,
    ensured: Arc<OnceCell<()>>,
}

/// The name of the first version of the key set: of two functions that start at once, one writes it.
const FIRST_VERSION: uuid::Uuid = uuid::Uuid::from_u128(0x6772_6f75_6e64_776f_8000_6b65_7973_0001);

impl SigningKeys {
    /// Over the secret with the private halves and the one with the public.
    pub fn new(secrets: Secrets, signing_secret: String, verification_secret: String, clock: Clock) -> Self {
        platform::jwt::install();
        Self {
            secrets,
            signing_secret: signing_secret.into(),
            verification_secret: verification_secret.into(),
            clock,
            ensured: Arc::default(),
        }
    }

    /// Makes the first key set when there is none, and publishes what is not published: nothing is signed that
    /// nobody could verify.
    async fn ensure(&self) -> Result<()> {
        let set = match self.stored().await {
            Err(Error::NotFound(_)) => self.make().await?,
            stored => stored?,
        };
        let published = match self.secrets.get(&self.verification_secret).await {
            Ok(text) => serde_json::from_str(text.expose()).ok(),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let jwks = set.jwks();
        if published.as_ref() == Some(&jwks) { Ok(()) } else { self.publish(&jwks).await }
    }

    async fn make(&self) -> Result<KeySet> {
        let text = to_json(&KeySet::first(self.clock.now())?)?;
        match self.secrets.put(&self.signing_secret, FIRST_VERSION, &text).await {
            // Another function was faster; its keys are the keys.
            Ok(()) | Err(Error::Conflict { .. }) => self.stored().await,
            Err(error) => Err(error),
        }
    }

    async fn publish(&self, jwks: &Jwks) -> Result<()> {
        let text = to_json(jwks)?;
        // Named by its content: publishing the same again is no new version.
        let hash = digest(&SHA256, text.as_bytes());
        let mut name = [0; 16];
        name.copy_from_slice(&hash.as_ref()[..16]);
        self.secrets
            .put(&self.verification_secret, uuid::Builder::from_custom_bytes(name).into_uuid(), &text)
            .await
    }

    /// The key set, at most as old as a secret is kept; made when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not answer.
    pub async fn read(&self) -> Result<KeySet> {
        self.ensured.get_or_try_init(|| self.ensure()).await?;
        self.stored().await
    }

    async fn stored(&self) -> Result<KeySet> {
        let text = self.secrets.get(&self.signing_secret).await?;
        // The parser's message could quote the secret.
        serde_json::from_str(text.expose())
            .map_err(|error| Error::internal("read the signing keys", format!("line {}", error.line())))
    }

    /// The id of the key that signs now.
    pub(crate) async fn active_kid(&self) -> Result<String> {
        let set = self.read().await?;
        set.active().map(|key| key.public.kid.clone()).ok_or_else(no_key)
    }

    /// Signs with a key, named so that the same claims make the same token.
    pub(crate) async fn sign(&self, kid: &str, claims: &AccessClaims) -> Result<String> {
        self.read().await?.find(kid).ok_or_else(no_key)?.sign(claims)
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("write a key set", error))
}

fn no_key() -> Error {
    Error::internal("sign a token", "the key set has no such key")
}
