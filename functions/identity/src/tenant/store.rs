//! Tenants in `DynamoDB`.

use kernel::id::TenantId;
use platform::tenancy;
use store::{Entity, Index, Key, Query, Table};

use super::Tenant;
use crate::IDENTITY_TABLE;

/// All tenants, for operators.
const ALL: (Index, &str) = (Index("gsi1"), "tenants");

impl Tenant {
    pub(crate) fn key_of(id: TenantId) -> Key {
        tenancy::key_of(id)
    }

    pub(crate) fn all() -> Query<Self> {
        Query::index(ALL.0, ALL.1, "")
    }
}

impl Entity for Tenant {
    const KIND: &'static str = tenancy::KIND;
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(ALL.0, Key::new(ALL.1, format!("tenant#{}", self.id)))]
    }
}
