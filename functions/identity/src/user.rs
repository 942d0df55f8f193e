//! A person's account.

pub(crate) mod store;

use kernel::{
    Error, Result, Timestamp,
    id::{TenantId, UserId},
};
use serde::{Deserialize, Serialize};

use crate::{email::Email, password::hash::StoredHash, username::Username};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Unique among accounts.
    pub email: Email,
    /// Unique among accounts, without regard to case.
    pub username: Username,
    /// How its password is checked.
    pub password: StoredHash,
    /// When the password was set: mail tokens from before reset nothing.
    pub password_set_at: Timestamp,
    /// Whether it may log in.
    pub status: UserStatus,
    /// Whether it runs the platform.
    pub is_operator: bool,
    /// When the e-mail address was shown to be theirs.
    pub email_verified_at: Option<Timestamp>,
    /// The tenant made with it, where it logs in unless told otherwise.
    pub personal_tenant_id: TenantId,
    /// Sessions not renewed since then are over.
    pub sessions_valid_from: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether an account may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// It may.
    Active,
    /// An operator has suspended it.
    Suspended,
}

/// The text names no status.
#[derive(Debug, thiserror::Error)]
#[error("must be active or suspended")]
pub struct ParseUserStatusError;

impl std::str::FromStr for UserStatus {
    type Err = ParseUserStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(ParseUserStatusError),
        }
    }
}

kernel::text_input!(UserStatus);

impl User {
    /// Requires that it may log in. Told only to somebody who has shown the password or a token.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is suspended.
    pub fn require_active(&self) -> Result<()> {
        match self.status {
            UserStatus::Active => Ok(()),
            UserStatus::Suspended => Err(Error::Forbidden(
                "this account is suspended; ask an operator".into(),
            )),
        }
    }

    /// The account with every session up to `now` over.
    #[must_use]
    pub fn without_sessions(self, now: Timestamp) -> Self {
        Self {
            sessions_valid_from: now,
            updated_at: now,
            ..self
        }
    }

    /// The account with another password.
    #[must_use]
    pub fn with_password(self, password: StoredHash, now: Timestamp) -> Self {
        Self {
            password,
            password_set_at: now,
            updated_at: now,
            ..self
        }
    }
}

/// Marks an e-mail address as taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EmailClaim {
    pub(crate) email: Email,
    pub(crate) user_id: UserId,
}

/// Marks a username as taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UsernameClaim {
    pub(crate) folded: String,
    pub(crate) user_id: UserId,
}

/// An account as its owner and operators see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// E-mail address.
    pub email: Email,
    /// Username.
    pub username: Username,
    /// Whether it may log in.
    pub status: UserStatus,
    /// Whether the e-mail address was shown to be theirs.
    pub email_verified: bool,
    /// The tenant made with it.
    pub personal_tenant_id: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            username: user.username.clone(),
            status: user.status,
            email_verified: user.email_verified_at.is_some(),
            personal_tenant_id: user.personal_tenant_id,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
