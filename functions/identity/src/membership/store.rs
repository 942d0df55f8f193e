//! Memberships in `DynamoDB`.

use kernel::id::{TenantId, UserId};
use store::{Entity, Index, Key, Query, Table};

use super::Membership;
use crate::IDENTITY_TABLE;

/// The tenants of an account.
const BY_USER: Index = Index("gsi1");

impl Membership {
    pub(crate) fn key_of(tenant_id: TenantId, user_id: UserId) -> Key {
        Key::new(format!("tenant#{tenant_id}"), format!("membership#{user_id}"))
    }

    /// The members of a tenant.
    pub(crate) fn of_tenant(tenant_id: TenantId) -> Query<Self> {
        Query::table(format!("tenant#{tenant_id}"), "membership#")
    }

    /// The tenants of an account.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::index(BY_USER, format!("user#{user_id}"), "membership#")
    }
}

impl Entity for Membership {
    const KIND: &'static str = "membership";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.tenant_id, self.user_id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_USER, Key::new(format!("user#{}", self.user_id), format!("membership#{}", self.tenant_id)))]
    }
}
