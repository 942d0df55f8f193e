//! `/me`: one's own account.

pub(crate) mod change_password;
pub(crate) mod delete_me;
pub(crate) mod delete_session;
pub(crate) mod delete_sessions;
pub(crate) mod get_me;
pub(crate) mod leave_tenant;
pub(crate) mod list_login_events;
pub(crate) mod list_sessions;
pub(crate) mod patch_me;
pub(crate) mod send_verification;

mod confirm;

use kernel::{Error, Result};
use platform::Allowed;
use store::Stored;

use crate::{
    App,
    user::{self, User},
};

/// The account of the person who asks.
///
/// # Errors
/// [`Error::Forbidden`] for callers that are no person, [`Error::Unauthenticated`] when it was erased.
async fn account<P>(app: &App, allowed: &Allowed<P>) -> Result<Stored<User>> {
    let id = allowed
        .principal()
        .user_id()
        .ok_or_else(|| Error::Forbidden("only a person has an account".into()))?;
    user::store::require(app.edge.store(), id).await
}
