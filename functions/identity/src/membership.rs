//! Who belongs to a tenant, in which role.

pub(crate) mod store;

use kernel::{
    Role, Timestamp,
    id::{TenantId, UserId},
};
use serde::{Deserialize, Serialize};

use crate::{tenant_name::TenantName, username::Username};

/// One account in one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The account.
    pub user_id: UserId,
    /// Its role there.
    pub role: Role,
    /// The account's username, as it was when the membership was last written.
    pub username: Username,
    /// The tenant's name, likewise.
    pub tenant_name: TenantName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A member as other members see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
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

impl From<&Membership> for MemberView {
    fn from(membership: &Membership) -> Self {
        Self {
            user_id: membership.user_id,
            username: membership.username.clone(),
            role: membership.role,
            created_at: membership.created_at,
            updated_at: membership.updated_at,
        }
    }
}
