//! `/tenants/{id}/members`: who belongs to a tenant.

pub(crate) mod add_member;
pub(crate) mod change_member;
pub(crate) mod get_member;
pub(crate) mod list_members;
pub(crate) mod remove_member;

use kernel::{
    Error, Principal, Result, Role,
    id::{TenantId, UserId},
};
use store::{Change, Store, Stored};

use super::find;
use crate::{
    membership::{Membership, Seat},
    tenant::Tenant,
    user::User,
};

/// The membership, if the caller may know of the tenant.
///
/// # Errors
/// [`Error::NotFound`] when there is none within reach.
async fn find_member(
    store: &Store,
    caller: &Principal,
    id: TenantId,
    user_id: UserId,
) -> Result<Stored<Membership>> {
    let member = if super::is_within_reach(caller, id) {
        store.get_consistent(&Membership::key_of(id, user_id)).await?
    } else {
        None
    };
    member.ok_or(Error::NotFound("member"))
}

/// A member that somebody is about to give another role, or none.
struct Case {
    tenant: Stored<Tenant>,
    member: Stored<Membership>,
    seat: Seat,
}

impl Case {
    async fn read(store: &Store, caller: &Principal, id: TenantId, user_id: UserId) -> Result<Self> {
        let tenant = find(store, caller, id).await?;
        let member = find_member(store, caller, id, user_id).await?;
        let is_founder = tenant.is_personal && {
            let user = store.get_consistent::<User>(&User::key_of(user_id)).await?;
            user.is_some_and(|user| user.personal_tenant_id == id)
        };
        let seat = Seat {
            role: Some(member.role),
            is_founder,
        };
        Ok(Self { tenant, member, seat })
    }

    /// Adds to the change what the new role means for the tenant.
    ///
    /// # Errors
    /// What [`Seat::give`] refuses.
    fn decide(&self, change: Change, by: Role, role: Option<Role>) -> Result<Change> {
        let owners = self.seat.give(role, by, self.tenant.owners)?;
        Ok(count_owners(change, &self.tenant, owners))
    }
}

/// Writes the number of owners when it is another. Of two changes that count at once one loses, so that the number
/// is always right and never zero.
fn count_owners(change: Change, tenant: &Stored<Tenant>, owners: u32) -> Change {
    if owners == tenant.owners {
        return change;
    }
    let next = Tenant {
        owners,
        ..tenant.value.clone()
    };
    change.replace(tenant, &next)
}
