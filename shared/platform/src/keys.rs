//! The public keys that access tokens are verified with.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::{
    Error, Result, Timestamp,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims, Expected},
};
use serde::{Deserialize, Serialize};

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
    #[error("no JWT: {0}")]
    Form(jsonwebtoken::errors::Error),
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
    #[error("signature: {0}")]
    Signature(jsonwebtoken::errors::Error),
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
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.keys.fmt(f)
    }
}

/// The keys of a set, read once, by their ids.
pub struct VerificationKeys(HashMap<String, (DecodingKey, Validation)>);

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
        let keys = jwks.keys.iter().map(|jwk| {
            let mut validation = Validation::new(jwk.alg.jwt());
            // Claims are checked against our own rules and clock.
            validation.validate_exp = false;
            validation.validate_aud = false;
            validation.required_spec_claims.clear();
            Ok((jwk.kid.clone(), (jwk.decoding_key()?, validation)))
        });
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
        let header = jsonwebtoken::decode_header(token).map_err(TokenError::Form)?;
        if !header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE)) {
            return Err(TokenError::Type);
        }
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let kid = header.kid.ok_or(TokenError::Unnamed)?;
        let (key, validation) = self.0.get(&kid).ok_or(TokenError::Key)?;
        let token = jsonwebtoken::decode::<AccessClaims>(token, key, validation);
        let claims = token.map_err(TokenError::Signature)?.claims;
        claims.check(expected, now)?;
        Ok(claims)
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

    fn keys(&self, source: SecretText) -> Result<Arc<VerificationKeys>> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = parsed.as_ref().filter(|parsed| Arc::ptr_eq(&parsed.source, &source)) {
            return Ok(parsed.keys.clone());
        }
        let jwks: Jwks = serde_json::from_str(source.expose())
            .map_err(|error| Error::internal("read verification keys", error))?;
        let keys = Arc::new(VerificationKeys::new(&jwks)?);
        *parsed = Some(Parsed { source, keys: keys.clone() });
        Ok(keys)
    }
}
