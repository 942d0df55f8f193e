//! Symmetric keys from Secrets Manager, and what is derived from them.
//!
//! A secret is `{"current": "k1", "keys": {"k1": "…"}}`: new things are made under the current key, older ones
//! verify for as long as their key is listed. Nothing uses a master key directly; each purpose has its own,
//! derived by HKDF (RFC 5869), so that no purpose's output can be passed off as another's.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{digest, hkdf, hmac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Length of every key and keyed hash, in bytes.
pub const KEY_BYTES: usize = 32;

/// Shortest text that is taken for a key: 32 random characters of `GenerateSecretString` hold 190 bits.
const KEY_TEXT_MIN: usize = 32;

/// Longest text that is looked at as one of our tokens.
const TOKEN_TEXT_MAX: usize = 256;

/// A key's name: 1 to 16 letters, digits, underscores and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Kid(String);

/// The text is no key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 16 letters, digits, underscores and hyphens")]
pub struct ParseKidError;

impl Kid {
    const BYTES_MAX: usize = 16;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Writes the name with its length before it, so that what follows cannot be read as part of it.
    pub fn write_prefixed(&self, out: &mut Vec<u8>) {
        let length = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        out.push(length);
        out.extend_from_slice(self.0.as_bytes());
    }

    /// Reads what [`write_prefixed`](Self::write_prefixed) wrote, and the rest.
    pub fn read_prefixed(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let kid = std::str::from_utf8(name).ok()?.parse().ok()?;
        Some((kid, rest))
    }
}

impl FromStr for Kid {
    type Err = ParseKidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_named = (1..=Self::BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if is_named { Ok(Self(text.to_owned())) } else { Err(ParseKidError) }
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Kid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Why a secret's text holds no keys. Never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It is not the JSON described above.
    #[error("the secret is not {{\"current\": …, \"keys\": {{…}}}} (line {line}, column {column})")]
    Json {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// A key is too short to be one.
    #[error("key {0} is neither 32 bytes in base64url nor 32 or more random characters")]
    Weak(Kid),
    /// The current key is not among the keys.
    #[error("the current key {0} is not among the keys")]
    NoCurrent(Kid),
}

/// A set of keys of which one is current.
#[derive(Clone)]
pub struct Keyring {
    current: Kid,
    keys: BTreeMap<Kid, Zeroizing<[u8; KEY_BYTES]>>,
}

/// The secret as it is stored.
#[derive(Deserialize)]
struct Document {
    current: Kid,
    #[serde(alias = "peppers", default)]
    keys: BTreeMap<Kid, String>,
    /// CloudFormation's `GenerateStringKey` can only write beside `current`: `{"current": "k1", "k1": "…"}`.
    #[serde(flatten)]
    generated: BTreeMap<Kid, String>,
}

impl Keyring {
    /// Reads a secret's text.
    ///
    /// # Errors
    /// [`KeyringError`], which is a fault of the deployment.
    pub fn from_json(text: &str) -> Result<Self, KeyringError> {
        // serde_json's message may quote the value it stumbled over, which can be the key itself.
        let document: Document = serde_json::from_str(text)
            .map_err(|error| KeyringError::Json { line: error.line(), column: error.column() })?;
        let keys: BTreeMap<_, _> = document
            .keys
            .into_iter()
            .chain(document.generated)
            .map(|(kid, text)| match key_from_text(&text) {
                Some(key) => Ok((kid, key)),
                None => Err(KeyringError::Weak(kid)),
            })
            .collect::<Result<_, _>>()?;
        if keys.contains_key(&document.current) {
            Ok(Self { current: document.current, keys })
        } else {
            Err(KeyringError::NoCurrent(document.current))
        }
    }

    /// The name of the key under which new things are made.
    pub fn current(&self) -> &Kid {
        &self.current
    }

    /// Every name.
    pub fn kids(&self) -> impl Iterator<Item = &Kid> {
        self.keys.keys()
    }

    /// The key of that name.
    pub fn get(&self, kid: &Kid) -> Option<&[u8; KEY_BYTES]> {
        self.keys.get(kid).map(|key| &**key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current).finish_non_exhaustive()
    }
}

/// 32 bytes in base64url are the key itself; longer random text is hashed to a key.
fn key_from_text(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map(Zeroizing::new);
    if let Some(key) = decoded.ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()) {
        return Some(Zeroizing::new(key));
    }
    if text.chars().count() < KEY_TEXT_MIN {
        return None;
    }
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().ok().map(Zeroizing::new)
}

/// The application's keys: cursors, CSRF tokens, idempotency, refresh and mail tokens are each derived from them.
#[derive(Clone, Debug)]
pub struct AppKeys(Keyring);

impl AppKeys {
    /// Reads a secret's text.
    ///
    /// # Errors
    /// [`KeyringError`], which is a fault of the deployment.
    pub fn from_json(text: &str) -> Result<Self, KeyringError> {
        Keyring::from_json(text).map(Self)
    }

    /// The name of the key under which new things are made.
    pub fn current(&self) -> &Kid {
        self.0.current()
    }

    /// Every name.
    pub fn kids(&self) -> impl Iterator<Item = &Kid> {
        self.0.kids()
    }

    /// The key of one purpose under one master; `None` when there is no such master (any more).
    /// `info` names the purpose and its version: `"csrf/v1"`.
    pub fn purpose_key(&self, kid: &Kid, info: &str) -> Option<[u8; KEY_BYTES]> {
        self.0.get(kid).map(|master| derive(master, info))
    }

    /// [`purpose_key`](Self::purpose_key) ready for HMAC-SHA256.
    pub fn hmac_key(&self, kid: &Kid, info: &str) -> Option<hmac::Key> {
        let key = self.purpose_key(kid, info)?;
        Some(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }
}

/// HKDF-SHA256 (RFC 5869) with a fixed salt.
fn derive(master: &[u8; KEY_BYTES], info: &str) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"groundwork/app-keys/v1")
        .extract(master)
        .expand(&[info.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("HKDF fails only beyond 255 blocks, and this is one");
    key
}

/// What is stored in place of a token: its HMAC-SHA256. Compared in constant time.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHash([u8; KEY_BYTES]);

impl KeyedHash {
    /// Hashes the parts one after another; their lengths must be fixed or told by the bytes themselves.
    pub fn of(key: &hmac::Key, parts: &[&[u8]]) -> Self {
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(part);
        }
        let mut hash = [0; KEY_BYTES];
        hash.copy_from_slice(context.sign().as_ref());
        Self(hash)
    }

    /// The hash itself.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl PartialEq for KeyedHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyedHash {}

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Serialize for KeyedHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyedHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(de::Error::custom)?;
        <[u8; KEY_BYTES]>::try_from(bytes)
            .map(Self)
            .map_err(|_| de::Error::custom("a keyed hash is 32 bytes"))
    }
}

/// A token's text: its prefix and its bytes in base64url.
pub fn token_text(prefix: &str, bytes: &[u8]) -> String {
    let mut text = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}

/// The bytes of a token's text. Base64 is read in its canonical form only, so one token has one text.
pub fn token_bytes(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > TOKEN_TEXT_MAX {
        return None;
    }
    let encoded = text.strip_prefix(prefix)?;
    URL_SAFE_NO_PAD.decode(encoded).ok().map(Zeroizing::new)
}

/// The name of the key that a token says it was made with, as the first thing in it.
pub fn token_kid(prefix: &str, text: &str) -> Option<Kid> {
    Kid::read_prefixed(&token_bytes(prefix, text)?).map(|(kid, _)| kid)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two keys; `current` names the one in use.
    fn app_keys(current: &str) -> AppKeys {
        let text = format!(
            r#"{{"current": "{current}", "keys": {{"k1": "{}", "k2": "{}"}}}}"#,
            URL_SAFE_NO_PAD.encode([1; 32]),
            URL_SAFE_NO_PAD.encode([2; 32]),
        );
        AppKeys::from_json(&text).unwrap()
    }

    #[test]
    fn reads_each_form_of_the_secret() {
        let encoded = URL_SAFE_NO_PAD.encode([7; 32]);
        let random = "x!".repeat(20);
        for text in [
            format!(r#"{{"current": "k1", "keys": {{"k1": "{encoded}"}}}}"#),
            format!(r#"{{"current": "k1", "peppers": {{"k1": "{encoded}="}}}}"#),
            format!(r#"{{"current": "k1", "k1": "{encoded}"}}"#),
        ] {
            let ring = Keyring::from_json(&text).unwrap();
            assert_eq!(ring.get(ring.current()), Some(&[7; 32]), "{text}");
        }
        let hashed = Keyring::from_json(&format!(r#"{{"current": "k1", "k1": "{random}"}}"#)).unwrap();
        let expected = digest::digest(&digest::SHA256, random.as_bytes());
        assert_eq!(hashed.get(hashed.current()).map(<[u8; 32]>::as_slice), Some(expected.as_ref()));
    }

    #[test]
    fn a_broken_secret_is_named_but_never_quoted() {
        let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
        let cases = [
            (String::new(), "line 1"),
            (format!("\"{secret}\""), "line 1"),
            (format!(r#"{{"current": "k1", "keys": "{secret}"}}"#), "line 1"),
            (format!(r#"{{"keys": {{"k1": "{secret}"}}}}"#), "line 1"),
            (format!(r#"{{"current": "k 1", "keys": {{"k 1": "{secret}"}}}}"#), "line 1"),
            (format!(r#"{{"current": "k2", "keys": {{"k1": "{secret}"}}}}"#), "k2 is not among"),
            (r#"{"current": "k1", "keys": {}}"#.to_owned(), "k1 is not among"),
            (r#"{"current": "k1", "keys": {"k1": "hunter2"}}"#.to_owned(), "key k1 is neither"),
        ];
        for (text, part) in cases {
            let error = AppKeys::from_json(&text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(part), "{text}: {shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(!format!("{:?}", app_keys("k1")).contains("1, 1"));
    }

    #[test]
    fn each_purpose_and_each_master_has_its_own_key() {
        let keys = app_keys("k1");
        let kids: Vec<_> = keys.kids().cloned().collect();
        let mut seen = std::collections::BTreeSet::new();
        for kid in &kids {
            for info in ["csrf/v1", "cursor/v1", ""] {
                assert!(seen.insert(keys.purpose_key(kid, info).unwrap()));
            }
        }
        let unknown = "k9".parse().unwrap();
        assert!(keys.purpose_key(&unknown, "csrf/v1").is_none());
    }

    #[test]
    fn key_ids_survive_their_prefix() {
        let kid: Kid = "key-16_characte".parse().unwrap();
        let mut bytes = Vec::new();
        kid.write_prefixed(&mut bytes);
        bytes.extend_from_slice(b"rest");
        assert_eq!(Kid::read_prefixed(&bytes), Some((kid, &b"rest"[..])));
        for broken in [&b""[..], &[0], &[3, b'a', b'b'], &[1, b' '], &[2, 0xff, 0xff]] {
            assert_eq!(Kid::read_prefixed(broken), None, "{broken:?}");
        }
        assert!("k".repeat(17).parse::<Kid>().is_err());
    }

    #[test]
    fn hashes_compare_by_value_and_read_back() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let hash = KeyedHash::of(&key, &[b"a", b"b"]);
        assert_eq!(hash, KeyedHash::of(&key, &[b"ab"]));
        assert_ne!(hash, KeyedHash::of(&key, &[b"ac"]));
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<KeyedHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<KeyedHash>("\"AAAA\"").is_err());
    }
}
