//! Failed logins, counted in the ephemeral table: per account and client network exactly, per account roughly.

use std::{net::IpAddr, time::Duration};

use kernel::{
    Error, Result, Timestamp,
    id::{Id as _, UserId},
};
use platform::{Edge, http::RequestInfo};
use serde::{Deserialize, Serialize};
use store::{Entity, Key, Store, Stored, Table, ephemeral};

use crate::{
    email::Email,
    lockout::{self, Admission, Network, PairCounter},
    login_event::KnownDevice,
    user::User,
};

/// How often a counter that others write at the same time is tried.
const TRIES: u32 = 20;

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
        let network =
            info.ip.map_or_else(|| "unknown".to_owned(), |ip: IpAddr| Network::from(ip).to_string());
        Self { account: edge.pseudonym(email.as_str()), network: edge.pseudonym(&network), now: info.now }
    }

    /// The account's pseudonym.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// The network as a device of the account, once it has logged in.
    pub(crate) fn device(&self, user: &User) -> KnownDevice {
        KnownDevice { user_id: user.id, network: self.network.clone(), at: self.now }
    }

    /// Counts the attempt before the password is looked at: of parallel guesses no more than allowed get through.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] while the pair is locked.
    pub(crate) async fn admit(&self, store: &Store) -> Result<()> {
        let key = pair_key(&self.account, &self.network);
        for _ in 0..TRIES {
            let old: Option<Stored<Pair>> = store.get_consistent(&key).await?;
            match lockout::admit(old.as_ref().map(|old| &old.value.counter), self.now) {
                Admission::Wait { retry_after } => return Err(Error::TooManyRequests { retry_after }),
                Admission::Go { next } => {
                    if store.put_ephemeral(&self.pair(next), old.as_ref()).await?.is_some() {
                        return Ok(());
                    }
                }
            }
        }
        Err(Error::TooManyRequests { retry_after: Duration::from_secs(1) })
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
    pub(crate) async fn failed(&self, store: &Store) -> Result<()> {
        let key = pair_key(&self.account, &self.network);
        for _ in 0..TRIES {
            let old: Option<Stored<Pair>> = store.get_consistent(&key).await?;
            let next = lockout::after_failure(old.as_ref().map(|old| &old.value.counter), self.now);
            if store.put_ephemeral(&self.pair(next), old.as_ref()).await?.is_some() {
                break;
            }
        }
        let old: Option<Stored<Anywhere>> = store.get_consistent(&account_key(&self.account)).await?;
        let failures = old.as_ref().filter(|old| self.now < old.window_ends).map_or(0, |old| old.failures);
        let next = Anywhere {
            account: self.account.clone(),
            failures: failures.saturating_add(1),
            window_ends: self.now + lockout::WINDOW,
        };
        // Of failures at the same moment one may go uncounted: this counter only slows strangers down.
        store.put_ephemeral(&next, old.as_ref()).await.map(|_| ())
    }

    /// Forgets the pair's failures after a success.
    pub(crate) async fn succeeded(&self, store: &Store) -> Result<()> {
        let old: Option<Stored<Pair>> = store.get_consistent(&pair_key(&self.account, &self.network)).await?;
        match old {
            Some(old) => store.delete_ephemeral(&old).await,
            None => Ok(()),
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
    for _ in 0..TRIES {
        let old: Option<Stored<MailBudget>> = edge.store().get_consistent(&mail_key(&account)).await?;
        let current = old.as_ref().filter(|old| now < old.window_ends);
        let (sent, window_ends) =
            current.map_or((0, now + lockout::WINDOW), |current| (current.sent, current.window_ends));
        if sent >= MAILS_MAX {
            return Err(Error::TooManyRequests { retry_after: window_ends.since(now) });
        }
        let next = MailBudget { account: account.clone(), sent: sent + 1, window_ends };
        if edge.store().put_ephemeral(&next, old.as_ref()).await?.is_some() {
            return Ok(());
        }
    }
    Err(Error::TooManyRequests { retry_after: Duration::from_secs(1) })
}
