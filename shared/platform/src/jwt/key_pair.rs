//! Private keys, read once and ready to sign.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;
use kernel::{Error, Result};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use serde::Serialize;
use signature::Signer as _;

use super::{EdSigner, RsaSigner};
use crate::keys::{Jwk, KeyAlgorithm, KeyMaterial};

/// A key pair. Reading one takes longer than signing with it, so it is kept.
pub struct KeyPair(Kind);

enum Kind {
    EdDSA(EdSigner),
    // Ten times as large as the other.
    RS256(Box<RsaSigner>),
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyPair").field(&self.algorithm()).finish()
    }
}

impl KeyPair {
    /// Makes an Ed25519 key, as PKCS #8 (RFC 8410).
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn generate_ed25519() -> Result<Vec<u8>> {
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map(|document| document.as_ref().to_vec())
            .map_err(|_| Error::internal("make a signing key", "no randomness"))
    }

    /// Reads a private key: Ed25519 (RFC 8410), or RSA of 2048 to 4096 bits (RFC 5208), which ring checks for sense.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is none of that algorithm.
    pub fn from_pkcs8(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<Self> {
        let unreadable =
            |error: ring::error::KeyRejected| Error::internal("read a signing key", error.to_string());
        Ok(Self(match algorithm {
            // OpenSSL writes Ed25519 keys without their public half.
            KeyAlgorithm::EdDSA => {
                Kind::EdDSA(EdSigner(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(unreadable)?))
            }
            KeyAlgorithm::RS256 => {
                Kind::RS256(Box::new(RsaSigner(RsaKeyPair::from_pkcs8(pkcs8).map_err(unreadable)?)))
            }
        }))
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match self.0 {
            Kind::EdDSA(_) => KeyAlgorithm::EdDSA,
            Kind::RS256(_) => KeyAlgorithm::RS256,
        }
    }

    /// The public half. Its thumbprint (RFC 7638, RFC 8037 appendix A.3) names it, so that a name stands for one key.
    pub fn jwk(&self) -> Jwk {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (material, members) = match &self.0 {
            Kind::EdDSA(EdSigner(pair)) => {
                let x = text(pair.public_key().as_ref());
                let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                (KeyMaterial::Okp { crv: "Ed25519".to_owned(), x }, members)
            }
            Kind::RS256(signer) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(signer.0.public());
                let (n, e) = (text(&public.n), text(&public.e));
                let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
                (KeyMaterial::Rsa { n, e }, members)
            }
        };
        let kid = text(digest(&SHA256, members.as_bytes()).as_ref());
        Jwk { kid, alg: self.algorithm(), usage: "sig".to_owned(), material }
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] when ring refuses, which for a key that was read it does not.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature = match &self.0 {
            Kind::EdDSA(signer) => signer.try_sign(message),
            Kind::RS256(signer) => signer.try_sign(message),
        };
        signature.map_err(|error| Error::internal("sign", error))
    }

    /// A signed JWT in compact form (RFC 7515 §7.1), of the type `typ`, under the name `kid`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the claims cannot be written.
    pub fn token(&self, typ: &str, kid: &str, claims: &impl Serialize) -> Result<String> {
        let mut header = Header::new(self.algorithm().jwt());
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.to_owned());
        let mut token = part(&header)?;
        token.push('.');
        token.push_str(&part(claims)?);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

fn part(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(value).map_err(|error| Error::internal("write a token", error))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
