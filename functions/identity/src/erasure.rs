//! The end of an account: everything that is kept of a person goes with it.
//!
//! It takes several changes, each with its audit entry. The account itself goes last, so that whoever is interrupted
//! can ask again.

use kernel::{Error, Result, Role, id::TenantId, revocation::Subject};
use platform::{api_key::ApiKey, ids, telemetry::causes};
use store::{Actor, Change, Entity, Query, Store, Stored};

use crate::{
    login_event::{KnownDevice, LoginEvent},
    membership::Membership,
    oidc::{grant::Grant, link::Link},
    service_account::ServiceAccount,
    session::Session,
    tenant::Tenant,
    user::{self, User},
};

/// How many members, or machines, one change dismisses: two writes for each, and a transaction holds a hundred.
const BATCH: usize = 25;

/// An account that is being erased.
pub(crate) struct Erasure<'a> {
    store: &'a Store,
    actor: &'a Actor,
    user: &'a Stored<User>,
}

/// A tenant that the account belongs to.
struct Farewell {
    membership: Stored<Membership>,
    tenant: Stored<Tenant>,
    /// See [`owners_left`].
    owners_left: Option<u32>,
    /// Who is dismissed because the tenant goes.
    others: Vec<Stored<Membership>>,
    /// The machines that go with the tenant.
    machines: Vec<Stored<ServiceAccount>>,
}

/// How many owners a tenant has without the account; `None` when it goes with it: the personal one, whoever else is
/// in it, because it was made with the account; and one that nobody would own.
fn owners_left(user: &User, tenant: &Tenant, role: Role) -> Option<u32> {
    if tenant.id == user.personal_tenant_id {
        None
    } else if role == Role::Owner {
        tenant.owners.checked_sub(1).filter(|left| *left > 0)
    } else {
        Some(tenant.owners)
    }
}

fn last_owner(tenant: &Tenant) -> Error {
    Error::conflict(
        "last_owner",
        format!(
            "you are the only owner of the tenant {}, which has other members; make one an owner, or remove them",
            tenant.id
        ),
    )
}

impl<'a> Erasure<'a> {
    pub(crate) fn new(store: &'a Store, actor: &'a Actor, user: &'a Stored<User>) -> Self {
        Self { store, actor, user }
    }

    /// Erases the account.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the rule `last_owner`, before anything is written.
    pub(crate) async fn run(&self) -> Result<()> {
        let gone = self.clear().await?;
        for tenant_id in &gone {
            self.delete_api_keys(*tenant_id).await?;
        }
        self.finish().await?;
        // What was written at the same moment, by a login or by somebody who made them a member. It is out of reach
        // already; should this fail, its time to live removes what there is of a person in it.
        let traces = async {
            self.clear().await?;
            // Keys that an index told too late, or that were made while the tenant still was there.
            for tenant_id in gone {
                self.delete_api_keys(tenant_id).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = traces.await {
            tracing::warn!(error = causes(&error), "an erased account may have left traces");
        }
        Ok(())
    }

    /// Answers which tenants go with the account.
    async fn clear(&self) -> Result<Vec<TenantId>> {
        let mut gone = Vec::new();
        for farewell in self.farewells().await? {
            self.dismiss(&farewell).await?;
            gone.extend(farewell.owners_left.is_none().then_some(farewell.tenant.id));
            // The personal tenant stays to the last: who is interrupted logs in there to ask again.
            if farewell.tenant.id != self.user.personal_tenant_id {
                self.leave(&farewell).await?;
            }
        }
        let user_id = self.user.id;
        self.forget(Session::of_user(user_id)).await?;
        self.forget(Grant::of_user(user_id)).await?;
        self.forget(LoginEvent::of_user(user_id)).await?;
        self.forget(Link::of_user(user_id)).await?;
        self.forget(KnownDevice::of_user(user_id)).await?;
        Ok(gone)
    }

    /// Deletes the API keys of a tenant that goes.
    async fn delete_api_keys(&self, tenant_id: TenantId) -> Result<()> {
        let change = || Change::new("tenant.dismiss", "tenant", tenant_id).in_tenant(tenant_id);
        let found = self.store.all(&ApiKey::of_tenant(tenant_id)).await?;
        self.store.discard_all::<ApiKey>(self.actor, found.iter().map(|key| key.key()), change).await
    }

    /// Every tenant of the account. All are looked at before any is left.
    async fn farewells(&self) -> Result<Vec<Farewell>> {
        let mut farewells = Vec::new();
        for found in self.store.all(&Membership::of_user(self.user.id)).await? {
            // An index may be behind.
            let membership = self.store.get_consistent::<Membership>(&found.key()).await?;
            let tenant = self.store.get_consistent::<Tenant>(&Tenant::key_of(found.tenant_id)).await?;
            if let Some((membership, tenant)) = membership.zip(tenant) {
                farewells.push(self.farewell(membership, tenant).await?);
            }
        }
        Ok(farewells)
    }

    async fn farewell(&self, membership: Stored<Membership>, tenant: Stored<Tenant>) -> Result<Farewell> {
        let owners_left = owners_left(self.user, &tenant, membership.role);
        let (mut others, mut machines) = (Vec::new(), Vec::new());
        if owners_left.is_none() {
            others = self.store.all(&Membership::of_tenant(tenant.id).consistent()).await?;
            others.retain(|member| member.user_id != self.user.id);
            if tenant.id != self.user.personal_tenant_id && !others.is_empty() {
                return Err(last_owner(&tenant));
            }
            machines = self.store.all(&ServiceAccount::of_tenant(tenant.id)).await?;
        }
        Ok(Farewell { membership, tenant, owners_left, others, machines })
    }

    /// Ends the memberships of everybody else in a tenant that goes, and its service accounts.
    async fn dismiss(&self, farewell: &Farewell) -> Result<()> {
        let now = self.actor.now;
        let tenant_id = farewell.tenant.id;
        for members in farewell.others.chunks(BATCH) {
            let change = Change::new("tenant.dismiss", "tenant", tenant_id).in_tenant(tenant_id);
            let change = members.iter().fold(change, |change, member| {
                let subject = Subject::Member(tenant_id, member.user_id);
                change.delete(member).revoke(ids::new(now), subject, now)
            });
            self.store.commit(self.actor, change).await?;
        }
        // An index may be behind: what it misses gets no tokens, because the tenant is not there.
        for machines in farewell.machines.chunks(BATCH) {
            let change = Change::new("tenant.dismiss", "tenant", tenant_id).in_tenant(tenant_id);
            let change = machines.iter().fold(change, |change, machine| {
                let change = change.discard::<ServiceAccount>(ServiceAccount::key_of(machine.id));
                change.revoke(ids::new(now), Subject::ServiceAccount(machine.id), now)
            });
            self.store.commit(self.actor, change).await?;
        }
        Ok(())
    }

    /// Ends the membership, and the tenant when nobody would own it. It is told in that tenant's audit.
    async fn leave(&self, farewell: &Farewell) -> Result<()> {
        let tenant = &farewell.tenant;
        let change = match farewell.owners_left {
            Some(owners) => {
                let change = Change::new("member.remove", "member", self.user.id);
                if owners == tenant.owners {
                    change
                } else {
                    let next = Tenant { owners, ..tenant.value.clone() };
                    change.replace(tenant, &next)
                }
            }
            None => Change::new("tenant.erase", "tenant", tenant.id).delete(tenant),
        };
        let change = change.in_tenant(tenant.id).delete(&farewell.membership);
        self.store.commit(self.actor, change).await
    }

    /// Deletes everything a query finds.
    async fn forget<T: Entity>(&self, query: Query<T>) -> Result<()> {
        let found = self.store.all(&query).await?;
        let keys = found.iter().map(|found| found.key());
        self.store.discard_all::<T>(self.actor, keys, || self.change("user.forget")).await
    }

    /// The account itself, with its personal tenant. From here on its tokens are refused, and its e-mail address and
    /// its username are free.
    async fn finish(&self) -> Result<()> {
        let now = self.actor.now;
        let (user_id, tenant_id) = (self.user.id, self.user.personal_tenant_id);
        let change = user::store::erase(self.change("user.erase"), self.user)
            .discard::<Membership>(Membership::key_of(tenant_id, user_id))
            .discard::<Tenant>(Tenant::key_of(tenant_id))
            .revoke(ids::new(now), Subject::User(user_id), now);
        self.store.commit(self.actor, change).await
    }

    fn change(&self, action: &'static str) -> Change {
        Change::new(action, "user", self.user.id).in_tenant(self.user.personal_tenant_id)
    }
}

#[cfg(test)]
mod tests {
    use kernel::{
        Timestamp,
        id::{Id as _, TenantId},
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_tenant_goes_when_it_is_the_account_s_own_or_nobody_would_own_it() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let user = crate::user::tests::user(TenantId::from_uuid(own));
        for (id, owners, role, left) in [
            (own, 1, Role::Owner, None),
            (own, 2, Role::Owner, None),
            (other, 1, Role::Owner, None),
            (other, 2, Role::Owner, Some(1)),
            (other, 1, Role::Admin, Some(1)),
            (other, 3, Role::Viewer, Some(3)),
        ] {
            let name = "Workshop".parse().unwrap();
            let mut tenant = Tenant::new(TenantId::from_uuid(id), name, false, Timestamp::from_millis(0));
            tenant.owners = owners;
            assert_eq!(owners_left(&user, &tenant, role), left, "{id} {owners} {role}");
        }
    }
}
