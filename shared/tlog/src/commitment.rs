//! Commitments: a personal datum is in the log only as its keyed hash. Whoever has the salt and the datum can show that
//! they belong to it; once both are deleted nothing leads back, and every proof over the entry stays valid.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// HMAC-SHA-256(salt, field ‖ 0x00 ‖ value). Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

crate::hex::text!(Commitment);

impl Commitment {
    /// Commits to the value of a field. The field's name, which has no NUL, keeps equal values of two fields apart.
    pub fn of(salt: &Salt, field: &str, value: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salt.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(field.as_bytes());
        context.update(&[0]);
        context.update(value);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        Self(bytes)
    }

    /// Whether this is the commitment to that value.
    pub fn verify(&self, salt: &Salt, field: &str, value: &[u8]) -> bool {
        // Both sides are in the hands of whoever asks: there is no secret that the time could tell.
        *self == Self::of(salt, field, value)
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The random key of one entry's commitments, 128 bits. Written as base64url without padding; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 16]);

/// The text is no salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 bytes in base64url without padding")]
pub struct ParseSaltError;

impl Salt {
    /// From random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl std::str::FromStr for Salt {
    type Err = ParseSaltError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseSaltError)?;
        bytes.try_into().map(Self).map_err(|_| ParseSaltError)
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_salt_and_the_value_lead_to_it() {
        let salt = Salt::from_bytes([7; 16]);
        let commitment = Commitment::of(&salt, "actor", b"ada");
        assert!(commitment.verify(&salt, "actor", b"ada"));
        assert!(!commitment.verify(&salt, "actor", b"adb"));
        assert!(!commitment.verify(&salt, "target", b"ada"));
        assert!(!commitment.verify(&Salt::from_bytes([8; 16]), "actor", b"ada"));
        assert_ne!(Commitment::of(&salt, "ab", b"c"), Commitment::of(&salt, "a", b"bc"));
        assert_eq!(commitment.to_string().parse(), Ok(commitment));
    }

    #[test]
    fn it_is_the_hmac_that_everybody_computes() {
        // printf 'actor\0ada' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f
        let salt = Salt::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let expected = "c336a3ad6528f3a40d94c7a2833506c6974678d308327d7bd178cf9e641981ba";
        assert_eq!(Commitment::of(&salt, "actor", b"ada").to_string(), expected);
    }

    #[test]
    fn a_salt_is_written_and_not_shown() {
        let salt = Salt::from_bytes([255; 16]);
        let json = serde_json::to_string(&salt).unwrap();
        assert_eq!(json, "\"_____________________w\"");
        assert_eq!(serde_json::from_str::<Salt>(&json).unwrap(), salt);
        assert_eq!(format!("{salt:?}"), "Salt(…)");
        for wrong in [
            "",
            "_____________________x",
            "_____________________w==",
            "____________________",
            "/////////////////////w",
        ] {
            assert_eq!(wrong.parse::<Salt>(), Err(ParseSaltError), "{wrong}");
        }
    }
}
