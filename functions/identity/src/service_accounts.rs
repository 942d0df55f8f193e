//! `/service-accounts`: machines that act in a tenant, and what they show that they are the ones.

pub(crate) mod add_key;
pub(crate) mod add_secret;
pub(crate) mod create_service_account;
pub(crate) mod delete_service_account;
pub(crate) mod get_key;
pub(crate) mod get_service_account;
pub(crate) mod list_service_accounts;
pub(crate) mod remove_key;
pub(crate) mod remove_secret;

use kernel::{Result, Timestamp, revocation::Subject};
use platform::ids;
use store::{Actor, Change, Store, Stored};

use crate::service_account::ServiceAccount;

/// A change of an account, called `action`, to its next state.
fn change(action: &'static str, old: &Stored<ServiceAccount>, next: &ServiceAccount) -> Change {
    Change::new(action, "service_account", old.id).in_tenant(old.tenant_id).replace(old, next)
}

/// Takes a credential away. Which token was got with which is not kept: all end within 5 s, and whoever has another
/// credential asks for a new one.
async fn revoke(
    store: &Store,
    actor: &Actor,
    action: &'static str,
    (old, next): (&Stored<ServiceAccount>, &ServiceAccount),
    now: Timestamp,
) -> Result<()> {
    let change = change(action, old, next).revoke(ids::new(now), Subject::ServiceAccount(old.id), now);
    store.commit(actor, change).await
}
