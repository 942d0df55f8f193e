//! Mail tokens in `DynamoDB`, and the message that makes the mailer send one.

use kernel::{
    Error, Timestamp,
    id::{MailTokenId, UserId},
};
use serde::{Deserialize, Serialize};
use store::{Change, Entity, Key, Table};

use super::{MailToken, Purpose};
use crate::IDENTITY_TABLE;
use platform::keyring::Kid;

/// The queue that the mailer reads, named by the variable that holds its URL.
pub(crate) const MAIL_QUEUE: &str = "MAIL_QUEUE_URL";

/// What the mailer is told: enough to derive the token, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailJob {
    /// The token to send.
    pub(crate) token_id: MailTokenId,
    /// The application key it is derived from.
    pub(crate) kid: Kid,
    /// Whom to send it to.
    pub(crate) user_id: UserId,
    /// What it is good for.
    pub(crate) purpose: Purpose,
}

impl MailToken {
    pub(crate) fn key_of(id: MailTokenId) -> Key {
        Key::new(format!("mail_token#{id}"), "mail_token")
    }
}

impl Entity for MailToken {
    const KIND: &'static str = "mail_token";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Stores a new token and has it sent.
pub(crate) fn send(change: Change, token: &MailToken) -> Change {
    let job = MailJob {
        token_id: token.id,
        kid: token.hash_kid.clone(),
        user_id: token.user_id,
        purpose: token.purpose,
    };
    change.create(token, Error::internal("store a mail token", "its id exists")).enqueue(MAIL_QUEUE, &job)
}
