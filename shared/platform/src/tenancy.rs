//! Tenants, as far as the groups beside identity know them: whether there is one.

use kernel::id::TenantId;
use serde::{Deserialize, Serialize};
use store::{Entity, Key, Table};

/// Where tenants are, with everything else of identity.
pub const TABLE: Table = Table("IDENTITY_TABLE");

/// What a tenant's item is.
pub const KIND: &str = "tenant";

/// The primary key of a tenant.
pub fn key_of(id: TenantId) -> Key {
    Key::new(format!("tenant#{id}"), KIND)
}

/// A tenant. Whoever makes something in it requires in the same change that it exists; nobody reads it for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    id: TenantId,
}

impl Tenant {
    /// With this id.
    pub fn new(id: TenantId) -> Self {
        Self { id }
    }
}

impl Entity for Tenant {
    const KIND: &'static str = KIND;
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        key_of(self.id)
    }
}
