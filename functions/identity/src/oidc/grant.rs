//! What a provider gave us with a login, kept behind the session that it began: sealed, because whoever has it is that
//! person there.

use kernel::{
    Error, Result, Secret, Timestamp,
    id::{SessionId, UserId},
};
use platform::{
    keyring::{AppKeys, Kid},
    telemetry::causes,
};
use serde::{Deserialize, Serialize};
use store::{Actor, Change, Entity, Index, Key, Query, SealingKey, Store, Table};

use super::provider::{Provider, Redeemed};
use crate::{IDENTITY_TABLE, refresh::TOKEN_LIFETIME, user::User};

/// The grants of an account.
const BY_USER: Index = Index("gsi1");

/// What the key is for that seals the tokens.
const PURPOSE: &str = "oidc/tokens/v1";

/// A provider's word for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The session behind which it is kept.
    pub(crate) session_id: SessionId,
    /// Whose session that is.
    pub(crate) user_id: UserId,
    /// The provider's name in the configuration.
    pub(crate) provider: String,
    /// Who it was when it gave this: its tokens are shown to nobody else who may come to have its name.
    issuer: String,
    /// Who we were there.
    client_id: String,
    /// When the ID token ends.
    pub(crate) until: Timestamp,
    /// When it was given.
    pub(crate) given_at: Timestamp,
    /// The application key from which the sealing key comes.
    pub(crate) kid: Kid,
    /// The [`Login`].
    sealed: String,
}

/// A login at a provider: what renews it, and what the next ID token is compared with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    /// What gets the next ID token, if the provider gave one.
    pub(crate) refresh_token: Option<Secret<String>>,
    /// Who they are there.
    pub(crate) subject: String,
    /// The nonce of the login.
    pub(crate) nonce: String,
}

impl Login {
    /// Of a login that was begun with this nonce.
    pub(crate) fn of(redeemed: Redeemed, nonce: String) -> Self {
        let Redeemed { claims, refresh_token, .. } = redeemed;
        Self { refresh_token, subject: claims.sub, nonce }
    }

    /// After a renewal. A provider that gives no new refresh token leaves the old one in force (RFC 6749 §6).
    pub(crate) fn renewed(self, refresh_token: Option<Secret<String>>) -> Self {
        Self { refresh_token: refresh_token.or(self.refresh_token), ..self }
    }
}

/// The session that a grant is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) session_id: SessionId,
    pub(crate) user_id: UserId,
}

impl Grant {
    /// Seals a login under the current application key.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn seal(
        owner: Owner,
        provider: &Provider,
        login: &Login,
        until: Timestamp,
        keys: &AppKeys,
        now: Timestamp,
    ) -> Result<Self> {
        let kid = keys.current().clone();
        let plain = serde_json::to_vec(login).map_err(|error| Error::internal("seal tokens", error))?;
        let sealed = sealing_key(keys, &kid)?.seal(plain, &place(owner.session_id))?;
        let Owner { session_id, user_id } = owner;
        Ok(Self {
            session_id,
            user_id,
            provider: provider.name().to_owned(),
            issuer: provider.issuer().to_owned(),
            client_id: provider.client_id().to_owned(),
            until,
            given_at: now,
            kid,
            sealed,
        })
    }

    /// Whether it is that provider's, which knows us as it did.
    pub(crate) fn is_of(&self, provider: &Provider) -> bool {
        self.issuer == provider.issuer() && self.client_id == provider.client_id()
    }

    /// The login.
    ///
    /// # Errors
    /// [`Error::Internal`] when the key is gone, or they are another session's.
    pub(crate) fn open(&self, keys: &AppKeys) -> Result<Login> {
        let plain = sealing_key(keys, &self.kid)?.open(&self.sealed, &place(self.session_id));
        let plain =
            plain.ok_or_else(|| Error::internal("open tokens", "they were not sealed for this session"))?;
        serde_json::from_slice(&plain)
            // The parser's message could quote a token.
            .map_err(|error| Error::internal("open tokens", format!("column {}", error.column())))
    }

    pub(crate) fn key_of(session_id: SessionId) -> Key {
        Key::new(format!("session#{session_id}"), "oidc_grant")
    }

    /// The grants of an account.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::index(BY_USER, format!("user#{user_id}"), "oidc_grant#")
    }
}

fn sealing_key(keys: &AppKeys, kid: &Kid) -> Result<SealingKey> {
    let key = keys.purpose_key(kid, PURPOSE);
    key.map(|key| SealingKey::new(&key))
        .ok_or_else(|| Error::internal("seal tokens", format!("no key {kid}")))
}

/// What binds sealed tokens to their session.
fn place(session_id: SessionId) -> String {
    format!("oidc_grant|{session_id}")
}

/// Deletes the grants of an account whose sessions have ended, all but the one that is kept. What fails here, the time to
/// live removes.
pub(crate) async fn forget(store: &Store, actor: &Actor, user: &User, kept: Option<SessionId>) {
    let deleted = async {
        let found = store.all(&Grant::of_user(user.id)).await?;
        let keys = found.iter().filter(|grant| Some(grant.session_id) != kept).map(|grant| grant.key());
        let change = || Change::new("user.forget", "user", user.id).in_tenant(user.personal_tenant_id);
        store.discard_all::<Grant>(actor, keys, change).await
    };
    if let Err(error) = deleted.await {
        tracing::warn!(error = causes(&error), "a provider's tokens outlive their sessions");
    }
}

impl Entity for Grant {
    const KIND: &'static str = "oidc_grant";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.session_id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_USER, Key::new(format!("user#{}", self.user_id), format!("oidc_grant#{}", self.session_id)))]
    }

    /// A refresh of the session renews it; without one the session ends, and this with it.
    fn ttl(&self) -> Option<Timestamp> {
        Some(self.given_at + TOKEN_LIFETIME)
    }
}
