//! Audit entries, written in the same transaction as the change that they describe.

use kernel::{
    Timestamp,
    id::{AuditId, TenantId},
};
use serde::{Deserialize, Serialize};

use crate::{Entity, Key, Table};

/// Where audit entries are.
pub const TABLE: Table = Table("AUDIT_TABLE");

/// Who did what to what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id; sorts by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The tenant whose data was changed.
    pub tenant_id: TenantId,
    /// What kind of principal did it.
    pub principal_kind: String,
    /// Which.
    pub principal_id: String,
    /// A pseudonym of the client's address: a keyed hash, not the address.
    pub client: String,
    /// The request it came with.
    pub request_id: String,
    /// What was done: `noun.verb`.
    pub action: String,
    /// What kind of thing it was done to.
    pub target_kind: String,
    /// Which.
    pub target_id: String,
    /// SHA-256 (hex) over the items as they were; empty when there were none.
    pub before: String,
    /// SHA-256 (hex) over the items as they became; empty when none remained.
    pub after: String,
}

impl AuditEntry {
    /// The partition of a tenant's entries.
    pub fn partition(tenant_id: TenantId) -> String {
        format!("tenant#{tenant_id}")
    }
}

impl Entity for AuditEntry {
    const KIND: &'static str = "audit";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Key::new(Self::partition(self.tenant_id), format!("audit#{}", self.id))
    }
}
