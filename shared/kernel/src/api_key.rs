//! API keys as text: `gw_live_<id>_<secret><checksum>`, in base62.
//!
//! The id finds the key, the secret proves it, and the checksum tells a mistyped or made-up key from a real one
//! without asking anybody. The prefix lets scanners of source code find keys that leaked.

use std::{fmt, str::FromStr};

use crate::{
    Secret,
    id::{ApiKeyId, Id as _},
};

const PREFIX: &str = "gw_live_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of 128 bits.
const WORD_CHARS: usize = 22;
const SECRET_CHARS: usize = 2 * WORD_CHARS;
/// Characters of the CRC-32.
const CHECKSUM_CHARS: usize = 6;
const KEY_CHARS: usize = PREFIX.len() + WORD_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;

/// A key with its secret.
#[derive(Clone, Debug)]
pub struct ApiKeyText {
    id: ApiKeyId,
    text: Secret<String>,
}

/// The text is no API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no API key: its form or its checksum is wrong")]
pub struct ParseApiKeyError;

impl ApiKeyText {
    /// A key whose secret is these 256 bits.
    pub fn new(id: ApiKeyId, secret: [u8; 32]) -> Self {
        let (high, low) = secret.split_at(16);
        let word = |bytes: &[u8]| {
            encode(bytes.iter().fold(0, |word, byte| (word << 8) | u128::from(*byte)), WORD_CHARS)
        };
        let body = format!("{}_{}{}", Self::prefix(id), word(high), word(low));
        let checksum = checksum(&body);
        Self { id, text: Secret::new(body + &checksum) }
    }

    /// What of a key may be shown: all but its secret.
    pub fn prefix(id: ApiKeyId) -> String {
        format!("{PREFIX}{}", encode(id.uuid().as_u128(), WORD_CHARS))
    }

    /// Which key it says it is.
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The whole text, which is the credential.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl FromStr for ApiKeyText {
    type Err = ParseApiKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != KEY_CHARS || !text.is_ascii() {
            return Err(ParseApiKeyError);
        }
        let (body, presented) = text.split_at(KEY_CHARS - CHECKSUM_CHARS);
        // Nothing secret is compared: anybody can make a right checksum.
        if checksum(body) != presented {
            return Err(ParseApiKeyError);
        }
        let rest = body.strip_prefix(PREFIX).ok_or(ParseApiKeyError)?;
        let (id, secret) = rest.split_once('_').ok_or(ParseApiKeyError)?;
        let is_base62 = secret.len() == SECRET_CHARS && secret.bytes().all(|byte| ALPHABET.contains(&byte));
        let id = decode(id).filter(|_| is_base62).ok_or(ParseApiKeyError)?;
        Ok(Self { id: ApiKeyId::from_uuid(uuid::Uuid::from_u128(id)), text: Secret::new(text.to_owned()) })
    }
}

/// A key in a log is its id.
impl fmt::Display for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

fn checksum(body: &str) -> String {
    encode(crc32fast::hash(body.as_bytes()).into(), CHECKSUM_CHARS)
}

/// The number in base62, most significant digit first.
fn encode(mut number: u128, chars: usize) -> String {
    let mut digits = vec![ALPHABET[0]; chars];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != WORD_CHARS {
        return None;
    }
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn key(id: u128, secret: [u8; 32]) -> ApiKeyText {
        ApiKeyText::new(ApiKeyId::from_uuid(Uuid::from_u128(id)), secret)
    }

    #[test]
    fn a_key_has_one_length_and_shows_its_prefix() {
        for (id, byte) in [(0, 0), (u128::MAX, 255), (0x0198_1f9a_2e4b_7c3d_9a51_3f6d_2b8c_0e17, 7)] {
            let key = key(id, [byte; 32]);
            assert_eq!(key.expose().len(), KEY_CHARS);
            assert!(key.expose().starts_with(&ApiKeyText::prefix(key.id())));
            assert!(!format!("{key} {key:?}").contains(&key.expose()[32..]));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let right = key(1, [1; 32]).expose().to_owned();
        let number_too_large = format!("{PREFIX}{}_{}", "z".repeat(WORD_CHARS), "0".repeat(SECRET_CHARS));
        let with_checksum = |body: String| format!("{body}{}", checksum(&body));
        let cases = [
            String::new(),
            right[1..].to_owned(),
            format!("{right}0"),
            right.replace("live", "test"),
            right.to_uppercase(),
            "€".repeat(KEY_CHARS / 3),
            with_checksum(number_too_large),
            with_checksum(format!("{PREFIX}{}-{}", "0".repeat(WORD_CHARS), "0".repeat(SECRET_CHARS))),
            with_checksum(format!("{PREFIX}{}_{}", "0".repeat(WORD_CHARS), "-".repeat(SECRET_CHARS))),
        ];
        for text in cases {
            assert!(text.parse::<ApiKeyText>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn keys_read_back_and_one_wrong_character_is_found(
            id: u128, secret: [u8; 32], place in 0..KEY_CHARS, other in 0..62_usize
        ) {
            let key = key(id, secret);
            let read: ApiKeyText = key.expose().parse().unwrap();
            prop_assert_eq!(read.id(), key.id());
            let mut wrong = key.expose().as_bytes().to_vec();
            prop_assume!(wrong[place] != ALPHABET[other]);
            wrong[place] = ALPHABET[other];
            prop_assert!(String::from_utf8(wrong).unwrap().parse::<ApiKeyText>().is_err());
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,100}") {
            let _ = text.parse::<ApiKeyText>();
        }
    }
}
