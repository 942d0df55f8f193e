//! A tenant: the boundary of all data.

pub(crate) mod store;

use kernel::{Timestamp, id::TenantId};
use serde::{Deserialize, Serialize};

use crate::display_name::DisplayName;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: DisplayName,
    /// Made with an account, and gone with it.
    pub is_personal: bool,
    /// How many owners it has: the last one cannot go.
    pub owners: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Tenant {
    /// A new tenant with its first owner.
    pub fn new(id: TenantId, name: DisplayName, is_personal: bool, now: Timestamp) -> Self {
        Self { id, name, is_personal, owners: 1, created_at: now, updated_at: now }
    }
}

/// A tenant as its members see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "name": "Ann's workshop", 
    "is_personal": false, "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}))]
pub struct TenantView {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: DisplayName,
    /// Made with an account, and gone with it.
    pub is_personal: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name.clone(),
            is_personal: tenant.is_personal,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}
