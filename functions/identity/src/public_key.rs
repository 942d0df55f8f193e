//! Public keys of others, as they come in a JWK (RFC 7517): Ed25519, P-256, and RSA of 2048 bits or more.
//!
//! A key knows the one algorithm that it verifies; what a token's header says of it has to agree and decides nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ring::{
    agreement,
    digest::{SHA256, digest},
    rand::SystemRandom,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// A public key: the members that make it (RFC 7518 §6, RFC 8037 §2), base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// Ed25519.
    #[serde(rename = "OKP")]
    Ed25519 {
        /// The public key.
        x: String,
    },
    /// NIST's curve P-256.
    #[serde(rename = "EC")]
    P256 {
        /// The point's first coordinate.
        x: String,
        /// The point's second coordinate.
        y: String,
    },
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// A member of a JWK that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its name.
    pub member: &'static str,
    /// What is wrong with it, as the end of a sentence.
    pub detail: &'static str,
}

/// The members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// How long an RSA modulus may be, in bits: ring verifies no other.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl PublicKey {
    /// Reads the key of a JWK. Members that say nothing of the key are left to the caller.
    ///
    /// # Errors
    /// Every member that is missing, malformed, or does not belong to a public key that verifies signatures.
    pub fn read(jwk: &Map<String, Value>) -> Result<Self, Vec<Wrong>> {
        let mut members = Members { jwk, wrong: Vec::new() };
        for member in PRIVATE {
            if jwk.contains_key(member) {
                members.fault(member, "is private: send the public half, and make a new key pair");
            }
        }
        let key = members.key();
        if let Some(key) = &key {
            members.one_of("alg", key.algorithm_names(), key.algorithm_fault());
        }
        members.one_of("use", &["sig"], "must be sig");
        if jwk.get("key_ops").is_some_and(|operations| *operations != serde_json::json!(["verify"])) {
            members.fault("key_ops", "must be [\"verify\"]");
        }
        key.filter(|_| members.wrong.is_empty()).ok_or(members.wrong)
    }

    /// The one algorithm it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::P256 { .. } => Algorithm::ES256,
            Self::Rsa { .. } => Algorithm::RS256,
        }
    }

    /// That algorithm's names (RFC 8037 §3.1, RFC 9864 §2.2), the usual one first.
    pub const fn algorithm_names(&self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 { .. } => &["EdDSA", "Ed25519"],
            Self::P256 { .. } => &["ES256"],
            Self::Rsa { .. } => &["RS256"],
        }
    }

    const fn algorithm_fault(&self) -> &'static str {
        match self {
            Self::Ed25519 { .. } => "must be EdDSA for such a key",
            Self::P256 { .. } => "must be ES256 for such a key",
            Self::Rsa { .. } => "must be RS256 for such a key",
        }
    }

    /// The thumbprint (RFC 7638; RFC 8037 appendix A.3): equal for equal keys.
    pub fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// Checks a token's signature and reads its claims. Their rules, times among them, are the caller's.
    ///
    /// # Errors
    /// The header names another algorithm than the key's, the signature is not the key's, or a claim is malformed.
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> jsonwebtoken::errors::Result<C> {
        let mut validation = Validation::new(self.algorithm());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(token, &self.decoding_key()?, &validation).map(|token| token.claims)
    }

    fn decoding_key(&self) -> jsonwebtoken::errors::Result<DecodingKey> {
        match self {
            Self::Ed25519 { x } => DecodingKey::from_ed_components(x),
            Self::P256 { x, y } => DecodingKey::from_ec_components(x, y),
            Self::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        }
    }
}

/// A JWK that is being read, and what was found wrong with it.
struct Members<'a> {
    jwk: &'a Map<String, Value>,
    wrong: Vec<Wrong>,
}

impl Members<'_> {
    fn fault(&mut self, member: &'static str, detail: &'static str) {
        self.wrong.push(Wrong { member, detail });
    }

    fn key(&mut self) -> Option<PublicKey> {
        match self.jwk.get("kty").and_then(Value::as_str) {
            Some("OKP") => self.ed25519(),
            Some("EC") => self.p256(),
            Some("RSA") => self.rsa(),
            _ => {
                self.fault("kty", "must be OKP, EC or RSA");
                None
            }
        }
    }

    fn ed25519(&mut self) -> Option<PublicKey> {
        let is_curve = self.requires("crv", "Ed25519", "must be Ed25519");
        let x = self.sized("x");
        is_curve.then_some(PublicKey::Ed25519 { x: text(&x?) })
    }

    fn p256(&mut self) -> Option<PublicKey> {
        let is_curve = self.requires("crv", "P-256", "must be P-256");
        let (x, y) = (self.sized("x"), self.sized("y"));
        let (x, y) = x.zip(y)?;
        if !is_on_curve(&x, &y) {
            self.fault("y", "makes no point of the curve with x");
        }
        is_curve.then(|| PublicKey::P256 { x: text(&x), y: text(&y) })
    }

    fn rsa(&mut self) -> Option<PublicKey> {
        let (n, e) = (self.number("n"), self.number("e"));
        let (n, e) = n.zip(e)?;
        let bits = n.len() * 8 - n[0].leading_zeros() as usize;
        if !RSA_BITS.contains(&bits) {
            self.fault("n", "must have 2048 to 8192 bits");
        }
        // FIPS 186-5 §5.1: odd and above 2^16. ring takes none above 2^33.
        if !(3..=4).contains(&e.len()) || e[e.len() - 1] % 2 == 0 || e == [1, 0, 0] {
            self.fault("e", "must be an odd number from 65537 to 2^32");
        }
        Some(PublicKey::Rsa { n: text(&n), e: text(&e) })
    }

    /// A member that must be this text.
    fn requires(&mut self, member: &'static str, value: &str, detail: &'static str) -> bool {
        let is_right = self.jwk.get(member).and_then(Value::as_str) == Some(value);
        if !is_right {
            self.fault(member, detail);
        }
        is_right
    }

    /// A member that, if there is one, must be one of these texts.
    fn one_of(&mut self, member: &'static str, values: &[&str], detail: &'static str) {
        let found = self.jwk.get(member);
        if found.is_some_and(|found| !found.as_str().is_some_and(|found| values.contains(&found))) {
            self.fault(member, detail);
        }
    }

    fn bytes(&mut self, member: &'static str) -> Option<Vec<u8>> {
        let text = self.jwk.get(member).and_then(Value::as_str);
        let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        if bytes.is_none() {
            self.fault(member, "must be base64url without padding");
        }
        bytes
    }

    /// A coordinate on a curve of 256 bits.
    fn sized(&mut self, member: &'static str) -> Option<Vec<u8>> {
        let bytes = self.bytes(member)?;
        if bytes.len() == 32 {
            return Some(bytes);
        }
        self.fault(member, "must have 32 bytes");
        None
    }

    /// An unsigned number in as few bytes as it takes (RFC 7518 §2, `Base64urlUInt`).
    fn number(&mut self, member: &'static str) -> Option<Vec<u8>> {
        let bytes = self.bytes(member)?;
        if bytes.first().is_some_and(|first| *first != 0) {
            return Some(bytes);
        }
        self.fault(member, "must be a number without leading zeros");
        None
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether the point can be agreed with: ring checks points there, and for signatures only beside one.
fn is_on_curve(x: &[u8], y: &[u8]) -> bool {
    let point = [&[4], x, y].concat();
    let own = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new());
    let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
    own.is_ok_and(|own| agreement::agree_ephemeral(own, &peer, |_| ()).is_ok())
}

#[cfg(test)]
mod tests;
