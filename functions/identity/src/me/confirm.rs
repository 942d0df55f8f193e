//! The password, asked for once more before what a stolen access token must not be able to do.

use kernel::{Error, Result};
use platform::Allowed;
use store::{Change, Stored};

use crate::{
    App, attempts::Attempt, auth::login, login_event::Outcome, password::PresentedPassword, user::User,
};

/// Requires the account's password. A wrong one counts like a failed login: whoever holds a token may not guess
/// here what they may not guess there.
///
/// # Errors
/// [`Error::Forbidden`] when it is wrong, [`Error::TooManyRequests`] while the caller's network is locked out.
pub(super) async fn confirm<P>(
    app: &App,
    allowed: &Allowed<P>,
    user: &Stored<User>,
    password: PresentedPassword,
) -> Result<()> {
    let store = app.edge.store();
    let attempt = Attempt::new(&app.edge, &user.email, &allowed.info);
    attempt.admit(store).await?;
    tokio::time::sleep(attempt.delay(store, Some(user)).await?).await;
    let accepted = app.hasher.verify(password, Some(user.password.clone())).await?;
    if accepted.is_some() {
        return attempt.succeeded(store).await;
    }
    attempt.failed(store).await?;
    let event = login::event(&allowed.info, user.id.to_string(), Outcome::Failure);
    let change =
        Change::new("user.refuse_password", "user", user.id).in_tenant(user.personal_tenant_id).put(&event);
    store.commit(&allowed.actor, change).await?;
    Err(Error::Forbidden("the password is wrong".into()))
}
