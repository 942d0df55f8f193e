//! The end of an account: everything that is kept of a person goes with it.
//!
//! It takes several changes, each with its audit entry. The account itself goes last, so that whoever is interrupted
//! can ask again.

use std::collections::BTreeSet;

use kernel::{Error, Result, Role, id::TenantId, revocation::Subject};
use platform::{Edge, api_key::ApiKey, ids, job::cancel_all, telemetry::causes};
use store::{Actor, Change, Entity, Query, Store, Stored, audit::Erased, changed_meanwhile};

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
    /// Of the e-mail address: what the audit log calls it by where nobody had an account with it yet.
    pseudonym: String,
}

/// A tenant that the account belongs to.
struct Farewell {
    membership: Stored<Membership>,
    fate: Fate,
}

/// What becomes of a tenant.
enum Fate {
    /// It goes on, with so many owners.
    Stays(Stored<Tenant>, u32),
    /// It goes with the account, and with it those.
    Goes { tenant: Stored<Tenant>, others: Vec<Stored<Membership>>, machines: Vec<Stored<ServiceAccount>> },
    /// It has gone already: whoever asked for that was interrupted, and what it held may still be there.
    Gone,
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

/// Begins a change that takes away what a tenant held.
fn dismissal(tenant_id: TenantId) -> Change {
    Change::new("tenant.dismiss", "tenant", tenant_id).in_tenant(tenant_id)
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
    pub(crate) fn new(edge: &'a Edge, actor: &'a Actor, user: &'a Stored<User>) -> Self {
        Self { store: edge.store(), actor, user, pseudonym: edge.pseudonym(user.email.as_str()) }
    }

    /// Erases the account.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the rule `last_owner`, before anything is written.
    pub(crate) async fn run(&self) -> Result<()> {
        let tenant_ids = self.clear().await?;
        self.finish(&tenant_ids).await?;
        // What was written at the same moment, by a login or by somebody who made them a member. It is out of reach
        // already; should this fail, its time to live removes what there is of a person in it.
        if let Err(error) = self.clear().await {
            tracing::warn!(error = causes(&error), "an erased account may have left traces");
        }
        Ok(())
    }

    /// Deletes all but the account; answers which tenants it belonged to.
    async fn clear(&self) -> Result<Vec<TenantId>> {
        let farewells = self.farewells().await?;
        let mut tenant_ids: BTreeSet<TenantId> = BTreeSet::from([self.user.personal_tenant_id]);
        for farewell in farewells {
            tenant_ids.insert(farewell.membership.tenant_id);
            self.leave(farewell).await?;
        }
        let user_id = self.user.id;
        self.forget(Session::of_user(user_id)).await?;
        self.forget(Grant::of_user(user_id)).await?;
        self.forget(LoginEvent::of_user(user_id)).await?;
        self.forget(Link::of_user(user_id)).await?;
        self.forget(KnownDevice::of_user(user_id)).await?;
        Ok(tenant_ids.into_iter().collect())
    }

    /// Every tenant of the account. All are looked at before any is left.
    async fn farewells(&self) -> Result<Vec<Farewell>> {
        let found = self.store.all(&Membership::of_user(self.user.id)).await?;
        // An index may be behind: what it tells is looked at, and the personal tenant needs no telling.
        let mut tenant_ids: BTreeSet<TenantId> = found.iter().map(|found| found.tenant_id).collect();
        tenant_ids.insert(self.user.personal_tenant_id);
        let mut farewells = Vec::new();
        for tenant_id in tenant_ids {
            let key = Membership::key_of(tenant_id, self.user.id);
            if let Some(membership) = self.store.get_consistent::<Membership>(&key).await? {
                let tenant = self.store.get_consistent::<Tenant>(&Tenant::key_of(tenant_id)).await?;
                let fate = match tenant {
                    Some(tenant) => self.fate(tenant, membership.role).await?,
                    None => Fate::Gone,
                };
                farewells.push(Farewell { membership, fate });
            }
        }
        Ok(farewells)
    }

    async fn fate(&self, tenant: Stored<Tenant>, role: Role) -> Result<Fate> {
        if let Some(owners) = owners_left(self.user, &tenant, role) {
            return Ok(Fate::Stays(tenant, owners));
        }
        let mut others = self.store.all(&Membership::of_tenant(tenant.id).consistent()).await?;
        others.retain(|member| member.user_id != self.user.id);
        if tenant.id != self.user.personal_tenant_id && !others.is_empty() {
            return Err(last_owner(&tenant));
        }
        let machines = self.store.all(&ServiceAccount::of_tenant(tenant.id)).await?;
        Ok(Fate::Goes { tenant, others, machines })
    }

    /// Ends the membership, and the tenant when nobody would own it: those who are in it first, then the tenant, then
    /// its keys, of which it gets no more from then on, and the membership last, by which whoever is interrupted and
    /// asks again finds what is left. The one in the personal tenant stays until the account goes: a login needs it.
    async fn leave(&self, Farewell { membership, fate }: Farewell) -> Result<()> {
        let tenant_id = membership.tenant_id;
        let change = Change::new("member.remove", "member", self.user.id).in_tenant(tenant_id);
        let change = change.delete(&membership);
        match fate {
            Fate::Stays(tenant, owners) if owners != tenant.owners => {
                let next = Tenant { owners, ..tenant.value.clone() };
                return self.store.commit(self.actor, change.replace(&tenant, &next)).await;
            }
            Fate::Stays(..) => return self.store.commit(self.actor, change).await,
            Fate::Goes { tenant, others, machines } => {
                self.dismiss(tenant_id, &others, &machines).await?;
                let end = Change::new("tenant.erase", "tenant", tenant_id).in_tenant(tenant_id);
                let jobs = cancel_all(&[tenant_id], None, self.actor);
                self.store.commit(self.actor, end.delete(&tenant).create(&jobs, changed_meanwhile())).await?;
            }
            Fate::Gone => {}
        }
        ApiKey::delete_all(self.store, self.actor, tenant_id, || dismissal(tenant_id)).await?;
        if tenant_id == self.user.personal_tenant_id {
            return Ok(());
        }
        self.store.commit(self.actor, change).await
    }

    /// Ends the memberships of everybody else in a tenant that goes, and its service accounts.
    async fn dismiss(
        &self,
        tenant_id: TenantId,
        others: &[Stored<Membership>],
        machines: &[Stored<ServiceAccount>],
    ) -> Result<()> {
        let now = self.actor.now;
        for members in others.chunks(BATCH) {
            let change = members.iter().fold(dismissal(tenant_id), |change, member| {
                let subject = Subject::Member(tenant_id, member.user_id);
                change.delete(member).revoke(ids::new(now), subject, now)
            });
            self.store.commit(self.actor, change).await?;
        }
        // An index may be behind: what it misses gets no tokens, because the tenant is not there.
        for machines in machines.chunks(BATCH) {
            let change = machines.iter().fold(dismissal(tenant_id), |change, machine| {
                let change = change.discard::<ServiceAccount>(ServiceAccount::key_of(machine.id));
                change.revoke(ids::new(now), Subject::ServiceAccount(machine.id), now)
            });
            self.store.commit(self.actor, change).await?;
        }
        Ok(())
    }

    /// Deletes everything a query finds.
    async fn forget<T: Entity>(&self, query: Query<T>) -> Result<()> {
        let found = self.store.all(&query).await?;
        let keys = found.iter().map(|found| found.key());
        self.store.discard_all::<T>(self.actor, keys, || self.change("user.forget")).await
    }

    /// The account itself, with its membership in its personal tenant. From here on its tokens are refused, and its e-mail address and
    /// its username are free.
    async fn finish(&self, tenant_ids: &[TenantId]) -> Result<()> {
        let now = self.actor.now;
        let (user_id, tenant_id) = (self.user.id, self.user.personal_tenant_id);
        let erased = Erased { names: vec![user_id.to_string(), self.pseudonym.clone()], tenant_id, at: now };
        let change = user::store::erase(self.change("user.erase"), self.user)
            .discard::<Membership>(Membership::key_of(tenant_id, user_id))
            .revoke(ids::new(now), Subject::User(user_id), now)
            .create(&cancel_all(tenant_ids, Some(user_id), self.actor), changed_meanwhile())
            .enqueue(Erased::QUEUE, &erased);
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
