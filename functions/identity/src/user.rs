//! A person's account.

pub(crate) mod store;

use std::time::Duration;

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
    /// Sessions that were begun under an earlier value are over. A session keeps the value its login has read, so no
    /// clock decides: a login that is under way while the password changes does not outlive the change.
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
            UserStatus::Suspended => {
                Err(Error::Forbidden("this account is suspended; ask an operator".into()))
            }
        }
    }

    /// The account with every session up to `now` over.
    #[must_use]
    pub fn without_sessions(self, now: Timestamp) -> Self {
        // Later than before also where the clock was set back.
        let next = self.sessions_valid_from + Duration::from_millis(1);
        Self { sessions_valid_from: now.max(next), updated_at: now, ..self }
    }

    /// The account with another password.
    #[must_use]
    pub fn with_password(self, password: StoredHash, now: Timestamp) -> Self {
        Self { password, password_set_at: now, updated_at: now, ..self }
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
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "email": "ann@example.com", "username": "ann", "status": "active",
    "email_verified": false, "personal_tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f",
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
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

#[cfg(test)]
pub(crate) mod tests {
    use kernel::id::Id as _;
    use uuid::Uuid;

    use super::*;

    /// An account for other nouns' tests.
    pub(crate) fn user(personal_tenant_id: TenantId) -> User {
        let start = Timestamp::from_millis(0);
        User {
            id: UserId::from_uuid(Uuid::from_u128(7)),
            email: "ann@example.org".parse().unwrap(),
            username: "ann".parse().unwrap(),
            password: StoredHash { phc: String::new(), pepper_kid: None },
            password_set_at: start,
            status: UserStatus::Active,
            is_operator: false,
            email_verified_at: None,
            personal_tenant_id,
            sessions_valid_from: start,
            created_at: start,
            updated_at: start,
        }
    }

    #[test]
    fn each_end_of_all_sessions_is_later_than_the_one_before() {
        let mut user = user(TenantId::from_uuid(Uuid::from_u128(1)));
        for now in [5_000, 5_000, 4_000, 6_000].map(Timestamp::from_millis) {
            let next = user.clone().without_sessions(now);
            assert!(next.sessions_valid_from > user.sessions_valid_from && next.sessions_valid_from >= now);
            user = next;
        }
    }
}
