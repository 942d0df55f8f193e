//! SHA-256 as Merkle trees use it (RFC 9162 §2.1.1): leaves and nodes are hashed apart, so that neither passes for the
//! other.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{Context, Digest, SHA256, digest};

pub use crate::hex::ParseHexError;

/// The first byte of what is hashed for a leaf.
const LEAF: u8 = 0;
/// The first byte of what is hashed for a node.
const NODE: u8 = 1;

/// A SHA-256 hash. Written as 64 lower-case hexadecimal digits, and in checkpoints as base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

crate::hex::text!(Hash);

/// The text is no base64 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 bytes in base64")]
pub struct ParseBase64Error;

impl Hash {
    /// What stands where there is nothing to hash: before the first entry of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// How many bytes a hash has.
    pub const LENGTH: usize = 32;

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Standard base64 with padding (RFC 4648 §4), 44 characters.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`to_base64`](Self::to_base64) writes and no other spelling of it.
    pub fn from_base64(text: &str) -> Result<Self, ParseBase64Error> {
        let bytes = STANDARD.decode(text).map_err(|_| ParseBase64Error)?;
        bytes.try_into().map(Self).map_err(|_| ParseBase64Error)
    }

    fn of(digest: &Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

/// The hash of a leaf: SHA-256(0x00 ‖ `data`), RFC 9162 §2.1.1.
pub fn leaf(data: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[LEAF]);
    context.update(data);
    Hash::of(&context.finish())
}

/// The hash of a node: SHA-256(0x01 ‖ `left` ‖ `right`), RFC 9162 §2.1.1.
pub fn node(left: Hash, right: Hash) -> Hash {
    let mut data = [NODE; 65];
    data[1..33].copy_from_slice(&left.0);
    data[33..].copy_from_slice(&right.0);
    Hash::of(&digest(&SHA256, &data))
}

/// The root of the tree without leaves: SHA-256 of nothing, RFC 9162 §2.1.1.
pub fn empty() -> Hash {
    Hash::of(&digest(&SHA256, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_in_one_way_and_read_in_no_other() {
        let hex = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        let hash: Hash = hex.parse().unwrap();
        assert_eq!(hash, leaf(b""));
        assert_eq!((hash.to_string(), format!("{hash:?}")), (hex.to_owned(), hex.to_owned()));
        assert_eq!(serde_json::from_str::<Hash>(&format!("\"{hex}\"")).unwrap(), hash);
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{hex}\""));
        for wrong in ["", &hex[1..], &hex.to_uppercase(), &format!("{hex}0"), &hex.replace('6', "g")] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let text = empty().to_base64();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(Hash::from_base64(&text).unwrap(), empty());
        let other_spelling = text.replace("FU=", "FV=");
        for wrong in ["", "AAAA", &text[..43], &other_spelling, &format!("{text}\n"), &text.replace('+', "-")]
        {
            assert!(Hash::from_base64(wrong).is_err(), "{wrong}");
        }
    }
}
