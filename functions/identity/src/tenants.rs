//! `/tenants`: the boundaries of data, and who is within.

pub(crate) mod create_tenant;
pub(crate) mod get_tenant;
pub(crate) mod list_tenants;
pub(crate) mod members;
pub(crate) mod update_tenant;

use kernel::{Error, Principal, Result, Role, id::TenantId};
use store::{Store, Stored};

use crate::tenant::Tenant;

/// The tenant, if the caller may know of it: it acts in it, or runs the platform. To everybody else it does not exist.
///
/// # Errors
/// [`Error::NotFound`] when there is none within reach.
async fn find(store: &Store, caller: &Principal, id: TenantId) -> Result<Stored<Tenant>> {
    let tenant =
        if is_within_reach(caller, id) { store.get_consistent(&Tenant::key_of(id)).await? } else { None };
    tenant.ok_or(Error::NotFound("tenant"))
}

fn is_within_reach(caller: &Principal, id: TenantId) -> bool {
    caller.tenant_id == id || caller.role == Role::Operator
}
