//! Tokens that travel by mail: to verify an e-mail address, to reset a password.
//!
//! A token is `gw_mt_` and, in base64url, `kid ‖ id ‖ HMAC(key, purpose ‖ id)`. It follows from its id and the
//! application's keys, so that the mail worker can make it where the mail is written and neither the queue nor the
//! outbox holds anything secret. A forged one is refused before anything is read from the database.
//! Stored is its keyed hash together with the account it is for.

pub(crate) mod store;

use std::{fmt, time::Duration};

use kernel::{
    Secret, Timestamp,
    id::{self, Id as _, MailTokenId, UserId},
};
use platform::keyring::{AppKeys, KeyedHash, Kid, token_bytes, token_kid, token_text};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

const PREFIX: &str = "gw_mt_";
const MAC_INFO: &str = "mail-token/mac/v1";
const HASH_INFO: &str = "mail-token/hash/v1";

/// How long a token can be redeemed.
pub const LIFETIME: Duration = Duration::from_mins(15);

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Shows that the mail address is the account's.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
}

/// What is stored of a token: nothing it could be made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailToken {
    /// The token.
    pub id: MailTokenId,
    /// The account it is for.
    pub user_id: UserId,
    /// What it is good for.
    pub purpose: Purpose,
    /// The keyed hash of the token and its account.
    pub token_hash: KeyedHash,
    /// The application key it was made with.
    pub hash_kid: Kid,
    /// When it can no longer be redeemed.
    pub expires_at: Timestamp,
    /// When it was redeemed.
    pub used_at: Option<Timestamp>,
}

/// A token made with our keys for one purpose: it exists only as issued by us or after its MAC was checked.
#[derive(Clone)]
pub struct PresentedMailToken {
    kid: Kid,
    id: MailTokenId,
    purpose: Purpose,
    mac: KeyedHash,
}

/// The text is no mail token of ours for that purpose. It does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mail token")]
pub struct ParseMailTokenError;

/// Why an authentic token is not redeemed. For the log; the caller learns only that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was redeemed before.
    #[error("the mail token was used")]
    Used,
    /// Its time is over.
    #[error("the mail token has expired")]
    Expired,
    /// It is not the stored one, or of another purpose or account.
    #[error("the mail token is not the stored one")]
    Mismatch,
}

impl Purpose {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::VerifyEmail => b"verify_email",
            Self::ResetPassword => b"reset_password",
        }
    }
}

/// The application key that a token says it was made with.
pub fn kid_of(text: &str) -> Option<Kid> {
    token_kid(PREFIX, text)
}

impl MailToken {
    /// A new token under the current key. Its text is made by [`PresentedMailToken::derive`], where the mail is.
    pub fn issue(id: MailTokenId, user_id: UserId, purpose: Purpose, keys: &AppKeys, now: Timestamp) -> Self {
        let kid = keys.current();
        let token_hash = PresentedMailToken::derive(kid, id, purpose, keys)
            .and_then(|token| token.hash(user_id, keys))
            .expect("application keys are read only with their current key among them");
        Self {
            id,
            user_id,
            purpose,
            token_hash,
            hash_kid: kid.clone(),
            expires_at: now + LIFETIME,
            used_at: None,
        }
    }

    /// When it was made.
    pub fn made_at(&self) -> Timestamp {
        id::made_at(self.id.uuid())
    }
}

impl PresentedMailToken {
    /// The token of an id; `None` when its key is not among the keys (any more).
    pub fn derive(kid: &Kid, id: MailTokenId, purpose: Purpose, keys: &AppKeys) -> Option<Self> {
        let key = keys.hmac_key(kid, MAC_INFO)?;
        // The id has a fixed length and comes first, so that the two cannot run into each other.
        let mac = KeyedHash::of(&key, &[id.uuid().as_bytes(), purpose.name()]);
        Some(Self { kid: kid.clone(), id, purpose, mac })
    }

    /// Reads a token's text and checks its MAC for the purpose it is presented for.
    ///
    /// # Errors
    /// The text was not made with any key of ours for that purpose.
    pub fn parse(text: &str, purpose: Purpose, keys: &AppKeys) -> Result<Self, ParseMailTokenError> {
        let bytes = token_bytes(PREFIX, text).ok_or(ParseMailTokenError)?;
        Self::read(&bytes, purpose, keys).ok_or(ParseMailTokenError)
    }

    fn read(bytes: &[u8], purpose: Purpose, keys: &AppKeys) -> Option<Self> {
        let (kid, rest) = Kid::read_prefixed(bytes)?;
        let (id, mac) = rest.split_first_chunk::<16>()?;
        let id = MailTokenId::from_uuid(Uuid::from_bytes(*id));
        Self::derive(&kid, id, purpose, keys).filter(|token| token.mac.bytes()[..].ct_eq(mac).into())
    }

    /// The id: the key to read the stored token by.
    pub fn id(&self) -> MailTokenId {
        self.id
    }

    /// The token as it stands in the mail.
    pub fn text(&self) -> Secret<String> {
        let mut bytes = Vec::with_capacity(72);
        self.kid.write_prefixed(&mut bytes);
        bytes.extend_from_slice(self.id.uuid().as_bytes());
        bytes.extend_from_slice(self.mac.bytes());
        Secret::new(token_text(PREFIX, &bytes))
    }

    /// What is stored of it: bound to the account, so that a row moved to another account opens nothing.
    fn hash(&self, user_id: UserId, keys: &AppKeys) -> Option<KeyedHash> {
        let key = keys.hmac_key(&self.kid, HASH_INFO)?;
        let hash = KeyedHash::of(&key, &[self.mac.bytes(), user_id.uuid().as_bytes()]);
        Some(hash)
    }
}

impl fmt::Debug for PresentedMailToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedMailToken")
            .field("kid", &self.kid)
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// Decides whether a token is redeemed. What it returns is stored in the same transaction as what the token is
/// good for, on the condition that `used_at` is still absent: so it is redeemed once.
///
/// # Errors
/// [`Refusal`]; all of them look alike to the caller.
pub fn redeem(
    stored: &MailToken,
    presented: &PresentedMailToken,
    keys: &AppKeys,
    now: Timestamp,
) -> Result<MailToken, Refusal> {
    let is_stored_one = stored.id == presented.id
        && stored.purpose == presented.purpose
        && presented.hash(stored.user_id, keys) == Some(stored.token_hash);
    if !is_stored_one {
        return Err(Refusal::Mismatch);
    }
    if stored.used_at.is_some() {
        return Err(Refusal::Used);
    }
    if now >= stored.expires_at {
        return Err(Refusal::Expired);
    }
    Ok(MailToken { used_at: Some(now), ..stored.clone() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refresh::tests::app_keys;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn stored(purpose: Purpose) -> MailToken {
        let id = MailTokenId::from_uuid(Uuid::from_u128(5));
        let user_id = UserId::from_uuid(Uuid::from_u128(6));
        MailToken::issue(id, user_id, purpose, &app_keys("k1"), START)
    }

    fn text(stored: &MailToken) -> Secret<String> {
        PresentedMailToken::derive(&stored.hash_kid, stored.id, stored.purpose, &app_keys("k1"))
            .unwrap()
            .text()
    }

    #[test]
    fn what_the_worker_derives_is_redeemed_once_and_in_time() {
        let stored = stored(Purpose::ResetPassword);
        let text = text(&stored);
        // The current key has changed since; the token names its own.
        let keys = app_keys("k2");
        let presented = PresentedMailToken::parse(text.expose(), Purpose::ResetPassword, &keys).unwrap();
        assert_eq!(presented.id(), stored.id);
        let used = redeem(&stored, &presented, &keys, START).unwrap();
        let moved = MailToken { user_id: UserId::from_uuid(Uuid::from_u128(7)), ..stored.clone() };
        let other_id = MailToken { id: MailTokenId::from_uuid(Uuid::from_u128(8)), ..stored.clone() };
        let turned = MailToken { purpose: Purpose::VerifyEmail, ..stored.clone() };
        let last = stored.expires_at - Duration::from_millis(1);
        for (name, row, now, refusal) in [
            ("at once", &stored, START, None),
            ("last moment", &stored, last, None),
            ("expired", &stored, stored.expires_at, Some(Refusal::Expired)),
            ("again", &used, START, Some(Refusal::Used)),
            ("another account's", &moved, START, Some(Refusal::Mismatch)),
            ("another id", &other_id, START, Some(Refusal::Mismatch)),
            ("another purpose", &turned, START, Some(Refusal::Mismatch)),
        ] {
            assert_eq!(redeem(row, &presented, &keys, now).err(), refusal, "{name}");
        }
        assert_eq!(used.used_at, Some(START));
        assert!(stored.expires_at.since(START) <= Duration::from_mins(15));
    }

    /// Computed by another program (Python's `hmac`): tokens in people's mailboxes must survive every change of this code.
    #[test]
    fn the_format_is_fixed() {
        let stored = stored(Purpose::ResetPassword);
        assert_eq!(
            text(&stored).expose(),
            "gw_mt_AmsxAAAAAAAAAAAAAAAAAAAABboveimGg-XSTg07udXkpeLxf6JICj0LPZp7yCcbnnui"
        );
        assert_eq!(stored.token_hash.to_string(), "Z4MGQl9ddJzp9727_UJoJLNRu8hEaUT36HvY5UZZWRA");
    }

    #[test]
    fn a_token_is_good_for_its_purpose_only() {
        let text = text(&stored(Purpose::VerifyEmail));
        let keys = app_keys("k1");
        assert!(PresentedMailToken::parse(text.expose(), Purpose::VerifyEmail, &keys).is_ok());
        assert!(PresentedMailToken::parse(text.expose(), Purpose::ResetPassword, &keys).is_err());
    }

    #[test]
    fn a_dropped_key_refuses_its_tokens() {
        let stored = stored(Purpose::VerifyEmail);
        let text = text(&stored);
        let keys =
            AppKeys::from_json(&format!(r#"{{"current": "k2", "k2": "{}"}}"#, "z".repeat(40))).unwrap();
        assert!(PresentedMailToken::parse(text.expose(), Purpose::VerifyEmail, &keys).is_err());
        assert!(PresentedMailToken::derive(&stored.hash_kid, stored.id, stored.purpose, &keys).is_none());
    }

    #[test]
    fn nothing_stored_or_printed_is_secret() {
        let stored = stored(Purpose::VerifyEmail);
        let text = text(&stored);
        let presented =
            PresentedMailToken::parse(text.expose(), Purpose::VerifyEmail, &app_keys("k1")).unwrap();
        let json = serde_json::to_string(&stored).unwrap();
        let mac = presented.mac.to_string();
        for shown in [format!("{stored:?}{json}"), format!("{presented:?}")] {
            assert!(!shown.contains(&mac) && !shown.contains(PREFIX), "{shown}");
        }
        assert_eq!(serde_json::from_str::<MailToken>(&json).unwrap(), stored);
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let text = text(&stored(Purpose::VerifyEmail));
        for bit in 0..text.expose().len() * 8 {
            let mut flipped = text.expose().clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(flipped) {
                let parsed = PresentedMailToken::parse(&flipped, Purpose::VerifyEmail, &app_keys("k1"));
                assert!(parsed.is_err(), "bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "(gw_mt_)?[A-Za-z0-9_-]{0,100}|.{0,64}") {
            let keys = app_keys("k1");
            prop_assert!(PresentedMailToken::parse(&text, Purpose::VerifyEmail, &keys).is_err());
        }
    }
}
