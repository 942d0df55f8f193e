//! Failed logins, counted in the ephemeral table: per account and client network, and per account.

use std::time::Duration;

use kernel::{
    Error, Result, Timestamp,
    id::{Id as _, UserId},
};
use platform::{Edge, http::RequestInfo, telemetry::causes};
use serde::{Deserialize, Serialize};
use store::{Entity, Key, Store, Stored, Table, ephemeral};

use crate::{
    email::Email,
    lockout::{self, Admission, PairCounter},
    login_event::KnownDevice,
    user::User,
};

/// One attempt to log in to an account, from one network. Both are pseudonyms: an e-mail address that has no
/// account is counted like one that has.
#[derive(Debug)]
pub(crate) struct Attempt {
    account: String,
    network: String,
    now: Timestamp,
}

/// Counts of one account from one network.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pair {
    account: String,
    network: String,
    counter: PairCounter,
}

impl Entity for Pair {
    const KIND: &'static str = "login_pair";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        pair_key(&self.account, &self.network)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.counter.expires_at())
    }
}

fn pair_key(account: &str, network: &str) -> Key {
    Key::new(format!("login_pair#{account}"), network)
}

/// Failures of one account from anywhere, within a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Anywhere {
    account: String,
    failures: u32,
    window_ends: Timestamp,
}

impl Entity for Anywhere {
    const KIND: &'static str = "login_account";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        account_key(&self.account)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.window_ends)
    }
}

fn account_key(account: &str) -> Key {
    Key::new(format!("login_account#{account}"), "account")
}

impl Attempt {
    pub(crate) fn new(edge: &Edge, email: &Email, info: &RequestInfo) -> Self {
        let network = info.network.to_string();
        Self { account: edge.pseudonym(email.as_str()), network, now: info.now }
    }

    /// The account's pseudonym.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// The network as a device of the account, once it has logged in.
    pub(crate) fn device(&self, user: &User) -> KnownDevice {
        KnownDevice { user_id: user.id, network: self.network.clone(), at: self.now }
    }

    /// How often the pair has failed since it was last right, or locked.
    pub(crate) async fn failures(&self, store: &Store) -> Result<u32> {
        let pair: Option<Stored<Pair>> = store.get(&pair_key(&self.account, &self.network)).await?;
        Ok(lockout::failures(pair.as_ref().map(|pair| &pair.counter), self.now))
    }

    /// Counts the attempt before the password is looked at: of parallel guesses no more than allowed get through.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] while the pair is locked.
    pub(crate) async fn admit(&self, store: &Store) -> Result<()> {
        let decide = |old: Option<&Pair>| match lockout::admit(old.map(|old| &old.counter), self.now) {
            Admission::Wait { retry_after } => Err(Error::TooManyRequests { retry_after }),
            Admission::Go { next } => Ok(self.pair(next)),
        };
        store.update_ephemeral(&pair_key(&self.account, &self.network), decide).await
    }

    /// How long a login is held back because many others of the account failed. A known device never is.
    pub(crate) async fn delay(&self, store: &Store, user: Option<&User>) -> Result<Duration> {
        let account: Option<Stored<Anywhere>> = store.get(&account_key(&self.account)).await?;
        let failures =
            account.filter(|account| self.now < account.window_ends).map_or(0, |account| account.failures);
        if lockout::delay(failures, false).is_zero() {
            return Ok(Duration::ZERO);
        }
        // Nobody's devices are read as well: an address without an account takes as long.
        let id = user.map_or_else(|| UserId::from_uuid(uuid::Uuid::nil()), |user| user.id);
        let device: Option<Stored<KnownDevice>> = store.get(&KnownDevice::key_of(id, &self.network)).await?;
        let is_known = device.is_some_and(|device| device.is_known(self.now));
        Ok(lockout::delay(failures, is_known))
    }

    /// Notes that the password was wrong; the fifth time locks the pair.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] for a failure that could not be counted: nobody may learn from it.
    pub(crate) async fn failed(&self, store: &Store) -> Result<()> {
        let count = async {
            let pair = |old: Option<&Pair>| {
                Ok(self.pair(lockout::after_failure(old.map(|old| &old.counter), self.now)))
            };
            store.update_ephemeral(&pair_key(&self.account, &self.network), pair).await?;
            let anywhere = |old: Option<&Anywhere>| Ok(self.anywhere(old));
            store.update_ephemeral(&account_key(&self.account), anywhere).await
        };
        count.await.inspect_err(|error| {
            tracing::warn!(error = causes(error), "a wrong password could not be counted");
        })
    }

    /// Forgets the pair's failures after a success.
    pub(crate) async fn succeeded(&self, store: &Store) -> Result<()> {
        let old: Option<Stored<Pair>> = store.get_consistent(&pair_key(&self.account, &self.network)).await?;
        match old {
            Some(old) => store.delete_ephemeral(&old).await,
            None => Ok(()),
        }
    }

    fn anywhere(&self, old: Option<&Anywhere>) -> Anywhere {
        let failures = old.filter(|old| self.now < old.window_ends).map_or(0, |old| old.failures);
        Anywhere {
            account: self.account.clone(),
            failures: failures.saturating_add(1),
            window_ends: self.now + lockout::WINDOW,
        }
    }

    fn pair(&self, counter: PairCounter) -> Pair {
        Pair { account: self.account.clone(), network: self.network.clone(), counter }
    }
}

/// Mails that were asked for to one address, within a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MailBudget {
    account: String,
    sent: u32,
    window_ends: Timestamp,
}

impl Entity for MailBudget {
    const KIND: &'static str = "mail_budget";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        mail_key(&self.account)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.window_ends)
    }
}

fn mail_key(account: &str) -> Key {
    Key::new(format!("mail_budget#{account}"), "mail_budget")
}

/// How many mails one address gets within [`lockout::WINDOW`]: others may ask in its owner's name.
const MAILS_MAX: u32 = 3;

/// Counts a mail to an address, whether or not it has an account.
///
/// # Errors
/// [`Error::TooManyRequests`] when it has had enough for now.
pub(crate) async fn spend_mail(edge: &Edge, email: &Email, now: Timestamp) -> Result<()> {
    let account = edge.pseudonym(email.as_str());
    let decide = |old: Option<&MailBudget>| {
        let current = old.filter(|old| now < old.window_ends);
        let (sent, window_ends) =
            current.map_or((0, now + lockout::WINDOW), |current| (current.sent, current.window_ends));
        if sent >= MAILS_MAX {
            return Err(Error::TooManyRequests { retry_after: window_ends.since(now) });
        }
        Ok(MailBudget { account: account.clone(), sent: sent + 1, window_ends })
    };
    edge.store().update_ephemeral(&mail_key(&account), decide).await
}
