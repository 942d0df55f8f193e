//! A session that a provider vouched for goes on only as long as it does: with the refresh of the session its ID token
//! is renewed (OpenID Connect Core 1.0 §12).

use std::time::Duration;

use kernel::{Error, Result, Timestamp, claims::ACCESS_TOKEN_LIFETIME, id::SessionId};
use platform::telemetry::causes;
use serde::{Deserialize, Serialize};
use store::{Actor, Change, Entity, Key, Store, Stored, Table, ephemeral};

use super::{
    grant::{Grant, Owner},
    in_time,
    provider::Renewed,
};
use crate::{
    App,
    session::{self, Session},
};

/// What was given so recently is not asked for again: of many refreshes at once one asks the provider.
const RECENT: Duration = Duration::from_secs(10);
/// How often, and how far apart, it is looked whether another one's lease has ended.
const LOOKS: u32 = 15;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Until when the provider vouches for a session; `None` when it began with a password. An ID token that would end
/// before the access token that is about to be made is renewed first.
///
/// # Errors
/// [`Error::Unauthenticated`], and the session has ended, when the provider does not vouch for it any more;
/// [`Error::Unavailable`] when it does not answer and its last word is out of date.
pub(crate) async fn vouched_until(
    app: &App,
    actor: &Actor,
    session: &Stored<Session>,
) -> Result<Option<Timestamp>> {
    if session.vouched_until.is_none() {
        return Ok(None);
    }
    let store = app.edge.store();
    for _ in 0..LOOKS {
        let now = app.edge.clock().now();
        let Some(grant) = read(store, session).await? else {
            return Err(end(app, actor, session, now).await?);
        };
        if let Some(until) = standing(&grant, now) {
            return Ok(Some(until));
        }
        if let Some(lease) = Lease::take(store, session.id(), now).await? {
            let outcome = renew_once(app, actor, session, now).await;
            release(store, &lease).await;
            return outcome.map(Some);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(Error::unavailable("renew a login at its provider", "another renewal does not end"))
}

async fn read(store: &Store, session: &Session) -> Result<Option<Stored<Grant>>> {
    store.get_consistent(&Grant::key_of(session.id())).await
}

/// Until when a grant holds, unless it is to be renewed first.
fn standing(grant: &Grant, now: Timestamp) -> Option<Timestamp> {
    let is_recent = now.since(grant.given_at) < RECENT && grant.until > now;
    (is_recent || grant.until >= now + ACCESS_TOKEN_LIFETIME).then_some(grant.until)
}

/// Asks the provider, unless whoever held the lease before has just done that.
async fn renew_once(
    app: &App,
    actor: &Actor,
    session: &Stored<Session>,
    now: Timestamp,
) -> Result<Timestamp> {
    let Some(grant) = read(app.edge.store(), session).await? else {
        return Err(end(app, actor, session, now).await?);
    };
    match standing(&grant, now) {
        Some(until) => Ok(until),
        None => Renewing { app, actor, session, grant: &grant, now }.run().await,
    }
}

struct Renewing<'a> {
    app: &'a App,
    actor: &'a Actor,
    session: &'a Stored<Session>,
    grant: &'a Stored<Grant>,
    now: Timestamp,
}

/// What a provider says of a login that began a while ago.
enum Word {
    /// It vouches for it anew.
    Given(Grant),
    /// It does not vouch for it any more.
    Withdrawn,
    /// It cannot be asked: it gave no refresh token, or is no longer configured. Its last word holds to its end.
    Kept,
}

impl Renewing<'_> {
    async fn run(&self) -> Result<Timestamp> {
        let holds = self.grant.until > self.now;
        match in_time(self.ask()).await {
            Ok(Word::Given(next)) if next.until > self.now => {
                let change = Change::new("session.renew", "session", self.session.id());
                let raced = Error::InProgress { retry_after: Duration::from_secs(1) };
                let change = change.in_tenant(self.session.tenant_id).replace_or(self.grant, &next, raced);
                self.app.edge.store().commit(self.actor, change).await?;
                Ok(next.until)
            }
            Ok(Word::Kept) if holds => Ok(self.grant.until),
            Err(error @ Error::Unavailable { .. }) if holds => {
                let (provider, error) = (&self.grant.provider, causes(&error));
                tracing::warn!(provider, error, "a login was not renewed; its ID token still holds");
                Ok(self.grant.until)
            }
            // An answer that is no ID token of this person is none.
            Ok(_) | Err(Error::Unauthenticated(_)) => {
                Err(end(self.app, self.actor, self.session, self.now).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(&self) -> Result<Word> {
        let provider = self.app.require_oidc().and_then(|oidc| oidc.provider(&self.grant.provider));
        let Some(provider) = provider.ok().filter(|provider| self.grant.is_of(provider)) else {
            return Ok(Word::Kept);
        };
        let keys = self.app.roots.knowing(Some(&self.grant.kid)).await?;
        // A key that was taken away takes along what it sealed.
        let Ok(login) = self.grant.open(&keys) else { return Ok(Word::Kept) };
        let Some(refresh_token) = &login.refresh_token else { return Ok(Word::Kept) };
        let (until, next) = match provider.renew(&login, refresh_token, self.now).await? {
            Renewed::Ended => return Ok(Word::Withdrawn),
            Renewed::Redeemed(redeemed) => (redeemed.claims.until(), redeemed.refresh_token),
            // The next renewal needs the token, and the session ends with the ID token that there is.
            Renewed::Tokens(next) => (self.grant.until, next),
        };
        let owner = Owner { session_id: self.session.id(), user_id: self.session.user_id };
        Grant::seal(owner, provider, &login.renewed(next), until, &keys, self.now).map(Word::Given)
    }
}

/// Ends a session for which nobody vouches any more; what its owner is told.
async fn end(app: &App, actor: &Actor, session: &Stored<Session>, now: Timestamp) -> Result<Error> {
    let change = Change::new("session.end_unvouched", "session", session.id());
    match app.edge.store().commit(actor, session::store::end(change, session, now)).await {
        // Somebody else has ended it at this moment.
        Ok(()) | Err(Error::Conflict { .. }) => Ok(over()),
        Err(error) => Err(error),
    }
}

fn over() -> Error {
    Error::Unauthenticated("your provider does not vouch for this session any more; log in again".into())
}

/// The right to ask the provider: a refresh token is used once, and by two it would be taken for stolen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lease {
    session_id: SessionId,
    /// Whoever has not released it by then has failed.
    until: Timestamp,
}

/// Longer than the provider is waited for.
const LEASE: Duration = Duration::from_secs(10);

impl Lease {
    fn key_of(session_id: SessionId) -> Key {
        Key::new(format!("oidc_lease#{session_id}"), "lease")
    }

    /// The lease, unless another has it.
    async fn take(store: &Store, session_id: SessionId, now: Timestamp) -> Result<Option<Stored<Self>>> {
        let old: Option<Stored<Self>> = store.get_consistent(&Self::key_of(session_id)).await?;
        if old.as_ref().is_some_and(|old| old.until > now) {
            return Ok(None);
        }
        store.put_ephemeral(Self { session_id, until: now + LEASE }, old.as_ref()).await
    }
}

/// Releases a lease. One that cannot be released ends by itself.
async fn release(store: &Store, lease: &Stored<Lease>) {
    if let Err(error) = store.delete_ephemeral(lease).await {
        tracing::warn!(error = causes(&error), "a lease is not released");
    }
}

impl Entity for Lease {
    const KIND: &'static str = "oidc_lease";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.session_id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.until)
    }
}
