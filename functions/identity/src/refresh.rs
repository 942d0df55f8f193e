//! Refresh tokens: opaque, tagged, and each the keyed function of the one before it.
//!
//! A token is `gw_rt_` and, in base64url, `kid ‖ family ‖ generation ‖ secret ‖ tag`. The tag authenticates
//! the rest, so that a forged token is refused before anything is read from the database. The secret of
//! generation 0 is random; each later one is `HMAC(parent's successor key, family ‖ generation ‖ parent's secret)`,
//! so that the successor of a presented token can be told again without being stored.
//!
//! The key id stands in the token because the tag has to be checked before the family is known; it stands in the
//! family because a successor must come out the same after the current key has changed. Rotating the application's
//! keys therefore ends no session: the next rotation moves a family to the current key.

mod family;

use std::{collections::BTreeMap, fmt, sync::Arc};

use kernel::{
    Secret, Timestamp,
    id::{self, Id as _, SessionId, TokenId},
};
use platform::{
    kept::Keys,
    keyring::{AppKeys, KeyedHash, KeyringError, Kid, token_bytes, token_kid, token_text},
};
use ring::hmac;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use family::{Decision, Family, REPLAY_WINDOW, Refusal, TOKEN_LIFETIME, rotate};

const PREFIX: &str = "gw_rt_";
const TAG_BYTES: usize = 16;

/// Length of a token's secret, in bytes.
pub const SECRET_BYTES: usize = 32;

/// The keys of refresh tokens, by the application key they come from.
#[derive(Clone)]
pub struct RefreshKeys {
    current: Arc<Purposes>,
    by_kid: BTreeMap<Kid, Arc<Purposes>>,
}

/// What is derived from one application key.
struct Purposes {
    kid: Kid,
    tag: hmac::Key,
    successor: hmac::Key,
    hash: hmac::Key,
    access_token_id: hmac::Key,
}

/// A refresh token made with our keys: it exists only as issued by us or after its tag was checked.
#[derive(Clone)]
pub struct RefreshToken {
    keys: Arc<Purposes>,
    family: SessionId,
    generation: u32,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    tag: [u8; TAG_BYTES],
}

/// The text is no refresh token of ours. It does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no refresh token")]
pub struct ParseRefreshTokenError;

impl From<&AppKeys> for RefreshKeys {
    fn from(keys: &AppKeys) -> Self {
        let by_kid: BTreeMap<Kid, Arc<Purposes>> =
            keys.kids().filter_map(|kid| Some((kid.clone(), Arc::new(Purposes::of(keys, kid)?)))).collect();
        let current = by_kid
            .get(keys.current())
            .expect("application keys are read only with their current key among them");
        Self { current: Arc::clone(current), by_kid }
    }
}

impl Keys for RefreshKeys {
    fn read(text: &str) -> Result<Self, KeyringError> {
        AppKeys::from_json(text).map(|keys| Self::from(&keys))
    }

    fn has(&self, kid: &Kid) -> bool {
        self.by_kid.contains_key(kid)
    }
}

/// The application key that a token says it was made with.
pub fn kid_of(text: &str) -> Option<Kid> {
    token_kid(PREFIX, text)
}

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKeys").field("current", &self.current.kid).finish_non_exhaustive()
    }
}

impl RefreshKeys {
    /// Reads a token's text and checks its tag.
    ///
    /// # Errors
    /// The text was not made with any key of ours.
    pub fn parse(&self, text: &str) -> Result<RefreshToken, ParseRefreshTokenError> {
        let bytes = token_bytes(PREFIX, text).ok_or(ParseRefreshTokenError)?;
        self.read(&bytes).ok_or(ParseRefreshTokenError)
    }

    fn read(&self, bytes: &[u8]) -> Option<RefreshToken> {
        let (kid, rest) = Kid::read_prefixed(bytes)?;
        let (family, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (secret, tag) = rest.split_first_chunk::<SECRET_BYTES>()?;
        let token = RefreshToken::issue(
            self.by_kid.get(&kid)?,
            SessionId::from_uuid(Uuid::from_bytes(*family)),
            u32::from_be_bytes(*generation),
            *secret,
        );
        bool::from(token.tag.ct_eq(tag)).then_some(token)
    }

    /// The one successor of a token, under the key named or the current one; `None` when that key is gone or the
    /// generations are used up.
    fn successor(&self, parent: &RefreshToken, kid: Option<&Kid>) -> Option<RefreshToken> {
        let keys = match kid {
            Some(kid) => self.by_kid.get(kid)?,
            None => &self.current,
        };
        let generation = parent.generation.checked_add(1)?;
        let secret = KeyedHash::of(
            &parent.keys.successor,
            &[parent.family.uuid().as_bytes(), &generation.to_be_bytes(), &*parent.secret],
        );
        let family = parent.family;
        Some(RefreshToken::issue(keys, family, generation, *secret.bytes()))
    }
}

impl Purposes {
    fn of(keys: &AppKeys, kid: &Kid) -> Option<Self> {
        Some(Self {
            kid: kid.clone(),
            tag: keys.hmac_key(kid, "refresh/tag/v1")?,
            successor: keys.hmac_key(kid, "refresh/successor/v1")?,
            hash: keys.hmac_key(kid, "refresh/hash/v1")?,
            access_token_id: keys.hmac_key(kid, "refresh/access-token-id/v1")?,
        })
    }
}

impl RefreshToken {
    fn issue(keys: &Arc<Purposes>, family: SessionId, generation: u32, secret: [u8; SECRET_BYTES]) -> Self {
        let mut token = Self {
            keys: Arc::clone(keys),
            family,
            generation,
            secret: Zeroizing::new(secret),
            tag: [0; TAG_BYTES],
        };
        let tag = KeyedHash::of(&keys.tag, &[&token.body()]);
        token.tag.copy_from_slice(&tag.bytes()[..TAG_BYTES]);
        token
    }

    /// The family it belongs to, which is the session: the key to read it by.
    pub fn family(&self) -> SessionId {
        self.family
    }

    /// How many rotations came before it.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The token as its owner holds it.
    pub fn text(&self) -> Secret<String> {
        let mut bytes = self.body();
        bytes.extend_from_slice(&self.tag);
        Secret::new(token_text(PREFIX, &bytes))
    }

    /// The id of the access token that is handed out with this one: a `UUIDv7` (RFC 9562 §5.7) of the time of
    /// rotation whose random part is keyed by the refresh token, so that every replay of the same rotation
    /// answers with the same access token. `issued_at` is the family's `rotated_at` after the rotation.
    pub fn access_token_id(&self, issued_at: Timestamp) -> TokenId {
        let hash = KeyedHash::of(&self.keys.access_token_id, &[&self.body(), &self.tag]);
        let mut random = [0; 10];
        random.copy_from_slice(&hash.bytes()[..10]);
        TokenId::from_uuid(id::uuid_v7(issued_at, random))
    }

    /// What is stored of it.
    fn hash(&self) -> KeyedHash {
        KeyedHash::of(&self.keys.hash, &[&self.body(), &self.tag])
    }

    /// Everything the tag authenticates. The lengths are fixed but for the key id's, which stands before it.
    fn body(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(96));
        self.keys.kid.write_prefixed(&mut bytes);
        bytes.extend_from_slice(self.family.uuid().as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&*self.secret);
        bytes
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("kid", &self.keys.kid)
            .field("family", &self.family)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two application keys; `current` names the one in use.
    pub(crate) fn app_keys(current: &str) -> AppKeys {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let text = format!(r#"{{"current": "{current}", "keys": {{"k1": "{one}", "k2": "{two}"}}}}"#);
        AppKeys::from_json(&text).unwrap()
    }

    fn keys() -> RefreshKeys {
        RefreshKeys::from(&app_keys("k1"))
    }

    fn token() -> RefreshToken {
        let family = SessionId::from_uuid(Uuid::from_u128(7));
        RefreshToken::issue(&keys().current, family, 3, [5; 32])
    }

    #[test]
    fn a_token_reads_back_and_does_not_print() {
        let text = token().text();
        assert!(text.expose().starts_with(PREFIX) && text.expose().len() < 128);
        let read = keys().parse(text.expose()).unwrap();
        assert_eq!((read.family(), read.generation()), (token().family, 3));
        assert_eq!(read.text(), text);
        assert!(!format!("{read:?}").contains("secret"));
    }

    /// Computed by another program (Python's `hmac`): tokens in people's hands must survive every change of this code.
    #[test]
    fn the_format_is_fixed() {
        let keys = keys();
        let successor = keys.successor(&token(), None).unwrap();
        assert_eq!(
            token().text().expose(),
            "gw_rt_AmsxAAAAAAAAAAAAAAAAAAAABwAAAAMFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBR-yj6EEtRAfuABaHA_eCDs"
        );
        assert_eq!(
            successor.text().expose(),
            "gw_rt_AmsxAAAAAAAAAAAAAAAAAAAABwAAAARjNO5l2RAvOe2qBcmdogqOl9BmKsTeMyBw17kWyha3eZ_HoYmN5ByC_CqYMvqh64Y"
        );
        assert_eq!(successor.hash().to_string(), "7DXWctNZ7l-0buShk243KyWnHcAQpafF3bYJTV9yj3g");
    }

    #[test]
    fn a_token_of_another_deployment_or_a_dropped_key_is_refused() {
        let text = token().text();
        let other = format!(r#"{{"current": "k1", "k1": "{}"}}"#, "z".repeat(40));
        let dropped = format!(r#"{{"current": "k2", "k2": "{}"}}"#, "z".repeat(40));
        for secret in [other, dropped] {
            let keys = RefreshKeys::from(&AppKeys::from_json(&secret).unwrap());
            assert_eq!(keys.parse(text.expose()).unwrap_err(), ParseRefreshTokenError);
        }
        assert!(RefreshKeys::from(&app_keys("k2")).parse(text.expose()).is_ok());
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let text = token().text();
        let bytes = token_bytes(PREFIX, text.expose()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keys().parse(&token_text(PREFIX, &flipped)).is_err(), "bit {bit}");
        }
        for bit in 0..text.expose().len() * 8 {
            let mut flipped = text.expose().clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(flipped) {
                assert!(keys().parse(&flipped).is_err(), "bit {bit} of the text");
            }
        }
    }

    #[test]
    fn the_secret_of_each_generation_is_another() {
        let keys = keys();
        let mut seen = std::collections::BTreeSet::new();
        let mut token = token();
        for _ in 0..50 {
            assert!(seen.insert(*token.secret));
            token = keys.successor(&token, None).unwrap();
        }
    }

    #[test]
    fn access_token_ids_are_the_rotation_s() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let made = token().access_token_id(at);
        assert_eq!(made, token().access_token_id(at));
        assert_eq!(id::made_at(made.uuid()), at);
        assert_eq!(made.uuid().get_version_num(), 7);
        let next = keys().successor(&token(), None).unwrap();
        assert_ne!(made, next.access_token_id(at));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "(gw_rt_)?[A-Za-z0-9_-]{0,140}|.{0,64}") {
            prop_assert!(keys().parse(&text).is_err());
        }

        #[test]
        fn no_bytes_under_a_known_key_id_are_a_token(rest in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bytes = [&[2, b'k', b'1'][..], &rest].concat();
            prop_assert!(keys().parse(&token_text(PREFIX, &bytes)).is_err());
        }

        #[test]
        fn no_cut_token_is_a_token(length in 0_usize..127) {
            let text = token().text();
            prop_assume!(length < text.expose().len());
            prop_assert!(keys().parse(&text.expose()[..length]).is_err());
            let longer = format!("{}A", text.expose());
            prop_assert!(keys().parse(&longer).is_err());
        }
    }
}
