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
    membership::{MemberView, Membership, Seat},
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

/// The account of a member.
///
/// # Errors
/// [`Error::NotFound`] when it is being erased: it is no member any more.
async fn find_account(store: &Store, user_id: UserId) -> Result<Stored<User>> {
    let account = store.get_consistent(&User::key_of(user_id)).await?;
    account.ok_or(Error::NotFound("member"))
}

/// A member that somebody is about to give another role, or none.
pub(crate) struct Case {
    tenant: Stored<Tenant>,
    pub(crate) member: Stored<Membership>,
    account: Stored<User>,
}

impl Case {
    async fn read(store: &Store, caller: &Principal, id: TenantId, user_id: UserId) -> Result<Self> {
        let tenant = find(store, caller, id).await?;
        let member = find_member(store, caller, id, user_id).await?;
        let account = find_account(store, user_id).await?;
        Ok(Self { tenant, member, account })
    }

    /// The case of an account's own membership, in whichever tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it does not belong to it.
    pub(crate) async fn own(store: &Store, account: Stored<User>, id: TenantId) -> Result<Self> {
        let member = store.get_consistent(&Membership::key_of(id, account.id)).await?;
        let tenant = store.get_consistent(&Tenant::key_of(id)).await?;
        let (member, tenant) = member.zip(tenant).ok_or(Error::NotFound("tenant"))?;
        Ok(Self { tenant, member, account })
    }

    /// The member as it is.
    fn view(&self) -> MemberView {
        MemberView::new(&self.member, &self.account.username)
    }

    /// Adds to the change what the new role means for the tenant.
    ///
    /// # Errors
    /// What [`Seat::give`] refuses.
    pub(crate) fn decide(&self, change: Change, by: Role, role: Option<Role>) -> Result<Change> {
        let is_founder = self.account.personal_tenant_id == self.tenant.id;
        let seat = Seat { role: Some(self.member.role), is_founder };
        let owners = seat.give(role, by, self.tenant.owners)?;
        Ok(count_owners(change, &self.tenant, owners))
    }
}

/// Writes the number of owners when it is another. Of two changes that count at once one loses, so that the number
/// is always right and never zero.
fn count_owners(change: Change, tenant: &Stored<Tenant>, owners: u32) -> Change {
    if owners == tenant.owners {
        // It must not be erased meanwhile.
        return change.require(tenant);
    }
    let next = Tenant { owners, ..tenant.value.clone() };
    change.replace(tenant, &next)
}
