//! What is remembered of logins: shown to the account's owner, and which devices are known.

use std::{net::IpAddr, time::Duration};

use kernel::{
    Timestamp,
    id::{AuditId, UserId},
};
use serde::{Deserialize, Serialize};
use store::{Entity, Key, Query, Table};

use crate::IDENTITY_TABLE;

/// How long logins and devices are remembered.
const REMEMBERED: Duration = Duration::from_hours(90 * 24);

/// How long attempts on addresses without an account are kept.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Logged in.
    Success,
    /// The password was wrong, or there is no such account.
    Failure,
    /// The password was right, and the account is suspended or does not belong to the tenant it asked for.
    Refused,
}

/// The text names no outcome.
#[derive(Debug, thiserror::Error)]
#[error("must be success, failure or refused")]
pub struct ParseOutcomeError;

impl std::str::FromStr for Outcome {
    type Err = ParseOutcomeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "success" => Ok(Self::Success),
            "failure" => Ok(Self::Failure),
            "refused" => Ok(Self::Refused),
            _ => Err(ParseOutcomeError),
        }
    }
}

kernel::text_input!(Outcome);

/// One attempt to log in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginEvent {
    /// Its id; sorts by time.
    pub id: AuditId,
    /// The account's id, or a pseudonym of an e-mail address that has none.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// Where from.
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: String,
    /// How it ended.
    pub outcome: Outcome,
}

impl LoginEvent {
    /// The attempts on one account, newest first.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::table(format!("logins#{user_id}"), "login#").newest_first()
    }
}

impl Entity for LoginEvent {
    const KIND: &'static str = "login_event";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Key::new(format!("logins#{}", self.subject), format!("login#{}", self.id))
    }

    fn ttl(&self) -> Option<Timestamp> {
        // What has no account is written only because an attempt on one is: nobody can ever read it.
        let is_shown = self.subject.parse::<UserId>().is_ok();
        Some(self.at + if is_shown { REMEMBERED } else { FORGOTTEN })
    }
}

/// A network from which an account has logged in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KnownDevice {
    pub(crate) user_id: UserId,
    /// A pseudonym of the network.
    pub(crate) network: String,
    pub(crate) at: Timestamp,
}

impl KnownDevice {
    pub(crate) fn key_of(user_id: UserId, network: &str) -> Key {
        Key::new(format!("logins#{user_id}"), format!("device#{network}"))
    }

    /// The devices of one account.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::table(format!("logins#{user_id}"), "device#")
    }

    /// Whether it is still remembered: TTL may be late.
    pub(crate) fn is_known(&self, now: Timestamp) -> bool {
        now < self.at + REMEMBERED
    }
}

impl Entity for KnownDevice {
    const KIND: &'static str = "known_device";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.user_id, &self.network)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.at + REMEMBERED)
    }
}
