//! Who belongs to a tenant, in which role.

pub(crate) mod store;

use kernel::{
    Error, Result, Role, Timestamp,
    id::{TenantId, UserId},
    principal::ParseRoleError,
};
use serde::{Deserialize, Serialize};

use crate::username::Username;

/// One account in one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The account.
    pub user_id: UserId,
    /// Its role there.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A role that a tenant can give: `operator` is the platform's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(value_type = String, pattern = "^(viewer|member|admin|owner)$", example = "member")]
pub struct GrantableRole(Role);

impl GrantableRole {
    /// The role.
    pub const fn get(self) -> Role {
        self.0
    }
}

impl std::str::FromStr for GrantableRole {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            Role::Operator => Err(ParseRoleError),
            role => Ok(Self(role)),
        }
    }
}

kernel::text_input!(GrantableRole);

/// What an account is in a tenant, before somebody changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// Its role, if it belongs to it.
    pub role: Option<Role>,
    /// The tenant was made with the account, which logs in there unless told otherwise.
    pub is_founder: bool,
}

impl Seat {
    /// Whether `by` may give the seat this role, or none; answers the number of owners that the tenant then has.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when somebody below an owner makes or unmakes one; [`Error::Conflict`] when no owner would
    /// remain, or the tenant would lose the account that it was made with.
    pub fn give(self, role: Option<Role>, by: Role, owners: u32) -> Result<u32> {
        let was_owner = self.role == Some(Role::Owner);
        let is_owner = role == Some(Role::Owner);
        if (was_owner || is_owner) && by < Role::Owner {
            return Err(Error::Forbidden("only an owner makes or unmakes owners".into()));
        }
        if self.is_founder && !is_owner {
            return Err(Error::conflict(
                "founder",
                "this tenant was made with that account, which stays its owner",
            ));
        }
        let owners = owners + u32::from(is_owner) - u32::from(was_owner);
        if owners == 0 {
            return Err(Error::conflict(
                "last_owner",
                "this is the tenant's last owner; make another one first",
            ));
        }
        Ok(owners)
    }
}

/// A member as other members see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "user_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "username": "ann", "role": "owner",
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
pub struct MemberView {
    /// The account.
    pub user_id: UserId,
    /// Its username.
    pub username: Username,
    /// Its role.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When the role was last changed.
    pub updated_at: Timestamp,
}

impl MemberView {
    /// The view of a membership, with the name that its account has now.
    pub fn new(membership: &Membership, username: &Username) -> Self {
        Self {
            user_id: membership.user_id,
            username: username.clone(),
            role: membership.role,
            created_at: membership.created_at,
            updated_at: membership.updated_at,
        }
    }
}

#[cfg(test)]
mod tests;
