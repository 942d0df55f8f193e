//! The public keys that access tokens are verified with.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use kernel::{
    Error, Result, Timestamp,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims, Expected},
};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::secrets::{SecretText, Secrets};

/// A public key as it is published (RFC 7517, RFC 8037 for Ed25519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Jwk {
    /// The key's id.
    pub kid: String,
    /// The algorithm it signs with.
    pub alg: KeyAlgorithm,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The key itself.
    #[serde(flatten)]
    pub material: KeyMaterial,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    RS256,
}

impl KeyAlgorithm {
    /// Its name (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }

    /// The same for `jsonwebtoken`.
    pub const fn jwt(self) -> Algorithm {
        match self {
            Self::EdDSA => Algorithm::EdDSA,
            Self::RS256 => Algorithm::RS256,
        }
    }
}

/// The parameters of a public key, base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kty")]
pub enum KeyMaterial {
    /// An Edwards curve key.
    #[serde(rename = "OKP")]
    Okp {
        /// Always `Ed25519`.
        crv: String,
        /// The public key.
        x: String,
    },
    /// An RSA key.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// The published key set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"keys": [{
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "use": "sig", "kty": "OKP",
    "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}]}))]
pub struct Jwks {
    /// Every key that a token could still be signed with, and the next one.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// Whether this key has signed these bytes.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        crate::jwt::install();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let key = self.decoding_key().ok();
        key.is_some_and(|key| {
            jsonwebtoken::crypto::verify(&signature, message, &key, self.alg.jwt()).unwrap_or(false)
        })
    }

    fn decoding_key(&self) -> Result<DecodingKey> {
        let key = match &self.material {
            KeyMaterial::Okp { x, .. } => DecodingKey::from_ed_components(x),
            KeyMaterial::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        };
        key.map_err(|error| Error::internal("read a verification key", error))
    }
}

/// Why a token is not accepted. For the log; the caller learns only that it is not.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no JWT.
    #[error("no access token: {0}")]
    Form(&'static str),
    /// `typ` is not `at+jwt`: an ID token, say.
    #[error("typ is not at+jwt")]
    Type,
    /// It has critical extensions, of which we know none (RFC 7515 §4.1.11).
    #[error("critical extensions")]
    Critical,
    /// It names no key.
    #[error("no kid")]
    Unnamed,
    /// It names a key that is not published.
    #[error("unknown kid")]
    Key,
    /// The signature, or the algorithm, is not that of the key.
    #[error("the signature is not that of the key")]
    Signature,
    /// The claims break a rule.
    #[error(transparent)]
    Claims(#[from] kernel::claims::ClaimsError),
    /// The keys could not be read.
    #[error(transparent)]
    Keys(#[from] Error),
}

/// Verifies access tokens.
#[derive(Clone, Debug)]
pub struct Verifier {
    secrets: Secrets,
    secret_id: String,
    expected: Expected,
    parsed: Arc<Mutex<Option<Parsed>>>,
}

#[derive(Clone)]
struct Parsed {
    source: SecretText,
    keys: Arc<VerificationKeys>,
    /// The tokens that these keys have signed, as far as they are remembered. It goes with the set: a key that is
    /// revoked verifies nothing from memory.
    signed: Arc<Mutex<HashSet<TokenDigest>>>,
}

/// The SHA-256 of a token's whole text, its signature included.
type TokenDigest = [u8; SHA256_OUTPUT_LEN];

/// How many tokens are remembered; then it begins anew.
const REMEMBERED_MAX: usize = 1_000;

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.keys.fmt(f)
    }
}

/// The keys of a set, read once, by their ids.
pub struct VerificationKeys(HashMap<String, (KeyAlgorithm, DecodingKey)>);

/// What a token says of itself and is looked at (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    typ: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

/// A token whose header is right: what is left are its signature and its claims.
struct Named<'a> {
    token: Compact<'a>,
    algorithm: KeyAlgorithm,
    key: &'a DecodingKey,
}

impl Named<'_> {
    fn is_signed(&self) -> bool {
        let Compact { message, signature, .. } = &self.token;
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), self.key, self.algorithm.jwt())
            .is_ok_and(|is_signed| is_signed)
    }

    fn claims(&self, expected: &Expected, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let claims: AccessClaims = serde_json::from_slice(&decode(self.token.payload)?)
            .map_err(|_| TokenError::Form("its claims are not an access token's"))?;
        claims.check(expected, now)?;
        Ok(claims)
    }
}

/// The parts of a compact serialisation (RFC 7515 §7.1), undecoded.
struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    /// What is signed: header and payload with the dot between.
    message: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    fn split(token: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Form("it has no two dots"))?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Form("it has no two dots"))?;
        if payload.contains('.') {
            return Err(TokenError::Form("it has more than two dots"));
        }
        Ok(Self { header, payload, message, signature })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form("a part is not base64url"))
}

impl std::fmt::Debug for VerificationKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl VerificationKeys {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`Error::Internal`] when one of them is no key.
    pub fn new(jwks: &Jwks) -> Result<Self> {
        crate::jwt::install();
        let keys = jwks.keys.iter().map(|jwk| Ok((jwk.kid.clone(), (jwk.alg, jwk.decoding_key()?))));
        keys.collect::<Result<_>>().map(Self)
    }

    /// Checks form, type, signature and claims of an access token (RFC 9068 §4). The algorithm is that of the key
    /// which `kid` names, never the header's.
    ///
    /// # Errors
    /// The first rule that is broken; [`TokenError::Key`] when the key is not among these.
    pub fn verify(
        &self,
        token: &str,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<AccessClaims, TokenError> {
        let named = self.named(token)?;
        if !named.is_signed() {
            return Err(TokenError::Signature);
        }
        named.claims(expected, now)
    }

    fn named<'a>(&'a self, token: &'a str) -> Result<Named<'a>, TokenError> {
        let token = Compact::split(token)?;
        let header = decode(token.header)?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| TokenError::Form("its header is not one"))?;
        if !header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE)) {
            return Err(TokenError::Type);
        }
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let kid = header.kid.ok_or(TokenError::Unnamed)?;
        let (algorithm, key) = self.0.get(kid.as_ref()).ok_or(TokenError::Key)?;
        if header.alg != algorithm.name() {
            return Err(TokenError::Signature);
        }
        Ok(Named { token, algorithm: *algorithm, key })
    }
}

impl Parsed {
    /// As [`VerificationKeys::verify`], but the signature of a token that was right is not computed again: clients send
    /// the same one many times. Everything else about it is looked at each time.
    fn verify(&self, token: &str, expected: &Expected, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let named = self.keys.named(token)?;
        let mut digest: TokenDigest = [0; SHA256_OUTPUT_LEN];
        digest.copy_from_slice(digest::digest(&SHA256, token.as_bytes()).as_ref());
        if !self.signed().contains(&digest) {
            if !named.is_signed() {
                return Err(TokenError::Signature);
            }
            let mut signed = self.signed();
            if signed.len() >= REMEMBERED_MAX {
                signed.clear();
            }
            signed.insert(digest);
        }
        named.claims(expected, now)
    }

    fn signed(&self) -> MutexGuard<'_, HashSet<TokenDigest>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier {
    /// Verifies with the key set in the secret `secret_id`.
    pub fn new(secrets: Secrets, secret_id: String, expected: Expected) -> Self {
        crate::jwt::install();
        Self { secrets, secret_id, expected, parsed: Arc::default() }
    }

    /// Reads the keys, so that the first request need not.
    pub async fn warm(&self) -> Result<()> {
        let text = self.secrets.get(&self.secret_id).await?;
        self.keys(text).map(|_| ())
    }

    /// Checks form, type, signature and claims of an access token (RFC 9068 §4). A `kid` that is not among the keys
    /// makes them be read again, once per cool-down.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let text = self.secrets.get(&self.secret_id).await?;
        match self.keys(text)?.verify(token, &self.expected, now) {
            Err(TokenError::Key) => {
                let text = self.secrets.refresh(&self.secret_id).await?;
                self.keys(text)?.verify(token, &self.expected, now)
            }
            outcome => outcome,
        }
    }

    fn keys(&self, source: SecretText) -> Result<Parsed> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = parsed.as_ref().filter(|parsed| Arc::ptr_eq(&parsed.source, &source)) {
            return Ok(parsed.clone());
        }
        let jwks: Jwks = serde_json::from_str(source.expose())
            .map_err(|error| Error::internal("read verification keys", error))?;
        let keys = Arc::new(VerificationKeys::new(&jwks)?);
        Ok(parsed.insert(Parsed { source, keys, signed: Arc::default() }).clone())
    }
}
