//! Sealing what leaves the house or waits in it: cursors, recorded answers. AES-256-GCM, so that nobody reads or
//! forges it, bound to the place it belongs to.

use std::{collections::BTreeMap, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Error, Result};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

use crate::entity::{Item, text};

/// The key that seals cursors and recorded answers.
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// From 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).expect("AES-256 takes 32 bytes");
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// A key that nobody else has and nobody keeps: for a function that neither gives out cursors nor records answers.
    pub fn throwaway() -> Self {
        Self::new(&random())
    }

    /// Seals bytes for a place: base64url of nonce, ciphertext, tag.
    ///
    /// # Errors
    /// [`Error::Internal`] beyond 64 GiB.
    pub fn seal(&self, mut plain: Vec<u8>, place: &str) -> Result<String> {
        let nonce: [u8; NONCE_LEN] = random();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut plain,
            )
            .map_err(|_| Error::internal("seal", "too long"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &plain].concat()))
    }

    /// Opens what was sealed for the same place; `None` when it was not, or was altered.
    pub fn open(&self, sealed: &str, place: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed).ok()?;
        Some(plain.to_vec())
    }

    /// A cursor: the last key of a page, for the query `binding`.
    pub(crate) fn seal_cursor(&self, last: &Item, binding: &str) -> Result<String> {
        let key: BTreeMap<_, _> =
            last.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
        let plain = serde_json::to_vec(&key).map_err(|error| Error::internal("seal a cursor", error))?;
        self.seal(plain, &format!("cursor|{binding}"))
    }

    /// The last key a cursor of the query `binding` holds.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no cursor of ours, or of another query.
    pub(crate) fn open_cursor(&self, cursor: &str, binding: &str) -> Result<Item> {
        let key = self
            .open(cursor, &format!("cursor|{binding}"))
            .and_then(|plain| serde_json::from_slice::<BTreeMap<String, String>>(&plain).ok())
            .ok_or_else(|| {
                Error::invalid("cursor", "is not a cursor of this list; take `next_cursor` of the same query")
            })?;
        Ok(key.into_iter().map(|(name, value)| (name, text(value))).collect())
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[test]
    fn a_cursor_opens_only_for_its_query_and_unchanged() {
        let key = SealingKey::new(&[7; 32]);
        let last = Key::new("a", "b").attributes();
        let cursor = key.seal_cursor(&last, "query").unwrap();
        assert_eq!(key.open_cursor(&cursor, "query").unwrap(), last);

        let mut flipped = cursor.clone().into_bytes();
        flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        let foreign = SealingKey::new(&[8; 32]).seal_cursor(&last, "query").unwrap();
        for (name, cursor, binding) in [
            ("another query", cursor.as_str(), "other"),
            ("flipped", &flipped, "query"),
            ("another key", &foreign, "query"),
            ("short", "AAAA", "query"),
            ("empty", "", "query"),
            ("no base64", "%%%", "query"),
        ] {
            assert!(matches!(key.open_cursor(cursor, binding), Err(Error::Invalid(_))), "{name}");
        }
    }
}
