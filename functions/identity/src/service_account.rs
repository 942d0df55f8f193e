//! Service accounts: machines that act in one tenant, with credentials of their own.
//!
//! An account is one item with its secrets and its keys, so that each change of any of them is conditional on all.

pub mod assertion;
pub mod credential;
pub(crate) mod store;

use kernel::{
    DisplayName, Error, Permission, Principal, PrincipalKind, Result, Role, Timestamp,
    id::{ClientSecretId, Id as _, ServiceAccountId, TenantId},
    oauth,
    principal::{Scopes, Way},
};
use serde::{Deserialize, Serialize};

use self::credential::{ClientKey, ClientSecret, KeyView, SecretView};

/// How many secrets an account has at most: the one in use, and the one that replaces it.
pub const SECRETS_MAX: usize = 2;

/// How many keys an account has at most.
pub const KEYS_MAX: usize = 10;

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its id, which is its OAuth `client_id`.
    pub id: ServiceAccountId,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// What people call it.
    pub name: DisplayName,
    /// Its role there.
    pub role: Role,
    /// What of that role it may use.
    pub scopes: Scopes,
    /// Its secrets, oldest first.
    pub secrets: Vec<ClientSecret>,
    /// Its keys, oldest first.
    pub keys: Vec<ClientKey>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Decides whether somebody may make an account with this role and these scopes: nobody hands out more than they have.
///
/// # Errors
/// [`Error::Invalid`] for scopes that are none, stand twice or go beyond the role; [`Error::Forbidden`] for a role above
/// the maker's, or a permission that the maker's own scopes withhold.
pub fn grant(role: Role, scopes: &[Permission], by: &Principal) -> Result<Scopes> {
    if role > by.role {
        return Err(Error::Forbidden("a service account has no higher role than who makes it".into()));
    }
    if scopes.is_empty() {
        return Err(Error::invalid("/scopes", "must name at least one permission"));
    }
    for (index, scope) in scopes.iter().enumerate() {
        let at = format!("/scopes/{index}");
        if scopes[..index].contains(scope) {
            return Err(Error::invalid(at, "stands more than once"));
        }
        if !scope.open_to(Way::ServiceToken) {
            return Err(Error::invalid(at, format!("{scope} is for people")));
        }
        if !scope.granted_to(role) {
            return Err(Error::invalid(at, format!("is not granted to the role {role}")));
        }
        if !by.may(*scope) {
            return Err(Error::Forbidden(format!("you do not have {scope} yourself").into()));
        }
    }
    Ok(Scopes::Only(scopes.to_vec()))
}

impl ServiceAccount {
    /// Decides whether somebody may hold a credential of this account: whoever adds one can act as the account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for an account that may do more than they.
    pub fn require_within(&self, by: &Principal) -> Result<()> {
        let is_within = match &self.scopes {
            Scopes::Full => by.scopes == Scopes::Full,
            Scopes::Only(scopes) => scopes.iter().all(|scope| by.may(*scope)),
        };
        if self.role <= by.role && is_within {
            return Ok(());
        }
        Err(Error::Forbidden(
            "this service account may do more than you: its credentials are not yours to add".into(),
        ))
    }

    /// With one more secret, and without the others if they are to end.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has as many as there may be.
    pub fn with_secret(&self, secret: ClientSecret, is_only: bool, now: Timestamp) -> Result<Self> {
        let mut next = Self { updated_at: now, ..self.clone() };
        if is_only {
            next.secrets.clear();
        }
        if next.secrets.len() == SECRETS_MAX {
            return Err(Error::conflict("too_many_secrets", "remove a secret, or send revoke_others"));
        }
        next.secrets.push(secret);
        Ok(next)
    }

    /// Without one of its secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has no such secret.
    pub fn without_secret(&self, id: ClientSecretId, now: Timestamp) -> Result<Self> {
        let mut next = Self { updated_at: now, ..self.clone() };
        next.secrets.retain(|secret| secret.id != id);
        if next.secrets.len() == self.secrets.len() { Err(Error::NotFound("secret")) } else { Ok(next) }
    }

    /// With one more key.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has that key, another of that `kid`, or as many as there may be.
    pub fn with_key(&self, key: ClientKey, now: Timestamp) -> Result<Self> {
        if self.keys.iter().any(|known| known.id == key.id || known.kid == key.kid) {
            return Err(Error::conflict("key_exists", "this account has that key, or another with that kid"));
        }
        if self.keys.len() == KEYS_MAX {
            return Err(Error::conflict("too_many_keys", "remove a key that is not used any more"));
        }
        let mut next = Self { updated_at: now, ..self.clone() };
        next.keys.push(key);
        Ok(next)
    }

    /// One of its keys.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has no such key.
    pub fn find_key(&self, id: &str) -> Result<&ClientKey> {
        self.keys.iter().find(|key| key.id == id).ok_or(Error::NotFound("key"))
    }

    /// Without one of its keys.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has no such key.
    pub fn without_key(&self, id: &str, now: Timestamp) -> Result<Self> {
        self.find_key(id)?;
        let mut next = Self { updated_at: now, ..self.clone() };
        next.keys.retain(|key| key.id != id);
        Ok(next)
    }

    /// The scopes of a token that was asked for with these, or with none in particular (RFC 6749 §3.3).
    ///
    /// # Errors
    /// [`oauth::Code::InvalidScope`] for one that the account does not have.
    pub fn narrow(&self, wanted: Option<&str>) -> Result<Scopes> {
        let Some(wanted) = wanted else {
            return Ok(self.scopes.clone());
        };
        let mut narrowed = Vec::new();
        for name in wanted.split(' ') {
            let permission = name.parse().ok().filter(|permission| self.scopes.include(*permission));
            let permission = permission.ok_or_else(|| {
                let detail = "the service account does not have every scope that was asked for";
                Error::oauth(oauth::Code::InvalidScope, detail)
            })?;
            if !narrowed.contains(&permission) {
                narrowed.push(permission);
            }
        }
        Ok(Scopes::Only(narrowed))
    }

    /// The caller that its tokens speak for.
    pub fn principal(&self, scopes: Scopes) -> Principal {
        Principal {
            kind: PrincipalKind::ServiceAccount,
            id: self.id.uuid(),
            tenant_id: self.tenant_id,
            role: self.role,
            scopes,
            session_id: None,
        }
    }
}

/// A service account as administrators see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "client_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
    "tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "name": "Nightly import", "role": "member",
    "scopes": ["principal:read", "members:read"],
    "secrets": [{"id": "01981f9a-2e4b-7e21-8c5d-0a1b2c3d4e5f", "created_at": "2026-01-31T12:00:00.000Z"}], "keys": [],
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
pub struct ServiceAccountView {
    /// Its id.
    pub id: ServiceAccountId,
    /// The same, by OAuth's name.
    pub client_id: ServiceAccountId,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// What people call it.
    pub name: DisplayName,
    /// Its role there.
    pub role: Role,
    /// What of that role it may use: names of permissions.
    pub scopes: Vec<&'static str>,
    /// Its secrets, without what is secret of them.
    pub secrets: Vec<SecretView>,
    /// Its public keys.
    pub keys: Vec<KeyView>,
    /// The secret it was made with: only in the answer that made it, and nowhere afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&ServiceAccount> for ServiceAccountView {
    fn from(account: &ServiceAccount) -> Self {
        Self {
            id: account.id,
            client_id: account.id,
            tenant_id: account.tenant_id,
            name: account.name.clone(),
            role: account.role,
            scopes: account.scopes.names(),
            secrets: account.secrets.iter().map(SecretView::from).collect(),
            keys: account.keys.iter().map(KeyView::from).collect(),
            client_secret: None,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
