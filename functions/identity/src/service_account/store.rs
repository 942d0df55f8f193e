//! Service accounts in `DynamoDB`, and the assertions that were used.

use std::time::Duration;

use kernel::{
    Error, Principal, Result, Role, Timestamp,
    id::{ServiceAccountId, TenantId},
};
use serde::{Deserialize, Serialize};
use store::{Entity, Index, Key, Query, Store, Stored, Table, ephemeral};

use super::ServiceAccount;
use crate::IDENTITY_TABLE;

/// The service accounts of a tenant.
const BY_TENANT: Index = Index("gsi1");

impl ServiceAccount {
    pub(crate) fn key_of(id: ServiceAccountId) -> Key {
        Key::new(format!("service_account#{id}"), "service_account")
    }

    /// The service accounts of a tenant, oldest first.
    pub(crate) fn of_tenant(tenant_id: TenantId) -> Query<Self> {
        Query::index(BY_TENANT, format!("tenant#{tenant_id}"), "service_account#")
    }
}

impl Entity for ServiceAccount {
    const KIND: &'static str = "service_account";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        let (tenant, own) = (format!("tenant#{}", self.tenant_id), format!("service_account#{}", self.id));
        vec![(BY_TENANT, Key::new(tenant, own))]
    }
}

/// The account, if the caller may know of it: it is of the same tenant, or the caller runs the platform.
///
/// # Errors
/// [`Error::NotFound`] when there is none within reach.
pub(crate) async fn find(
    store: &Store,
    caller: &Principal,
    id: ServiceAccountId,
) -> Result<Stored<ServiceAccount>> {
    let account: Option<Stored<ServiceAccount>> = store.get_consistent(&ServiceAccount::key_of(id)).await?;
    let is_within_reach = |account: &Stored<ServiceAccount>| {
        caller.tenant_id == account.tenant_id || caller.role == Role::Operator
    };
    account.filter(is_within_reach).ok_or(Error::NotFound("service account"))
}

/// An assertion that was exchanged for a token: its `jti` is used up while it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsedAssertion {
    pub(crate) account_id: ServiceAccountId,
    /// SHA-256 of the `jti`, base64url: what a client puts there may be long.
    pub(crate) jti_hash: String,
    pub(crate) expires_at: Timestamp,
}

impl Entity for UsedAssertion {
    const KIND: &'static str = "used_assertion";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Key::new(format!("used_assertion#{}", self.account_id), self.jti_hash.clone())
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.expires_at + Duration::from_mins(1))
    }
}
