//! The password, asked for once more before what a stolen access token must not be able to do. Whoever logs in at a
//! provider may have none: of them it is asked that the provider has asked them a moment ago who they are. That a login
//! was a moment ago would not do, because a provider that remembers somebody may let them in silently.

use std::time::Duration;

use kernel::{Error, Result};
use platform::Allowed;
use store::{Change, Stored};

use crate::{
    App, attempts::Attempt, auth::login, login_event::Outcome, password::PresentedPassword, session::Session,
    user::User,
};

/// How long ago a provider may have asked somebody who they are.
const RECENT: Duration = Duration::from_mins(5);

/// What does in place of a password.
const OTHERWISE: &str = "is required; whoever logs in at a provider may leave it out for five minutes after a login that \
                         began at /api/v1/auth/oidc/{provider}/login?reauthenticate=true";

async fn require_recent_login<P>(app: &App, allowed: &Allowed<P>, user: &User) -> Result<()> {
    let session: Option<Stored<Session>> = match allowed.principal().session_id {
        Some(id) => app.edge.store().get_consistent(&Session::key_of(id)).await?,
        None => None,
    };
    let is_recent = session.is_some_and(|session| {
        let now = allowed.info.now;
        let is_recent = session.authenticated_at.is_some_and(|at| now.since(at) < RECENT);
        is_recent && session.is_alive(user, now)
    });
    if is_recent { Ok(()) } else { Err(Error::invalid("/password", OTHERWISE)) }
}

/// Requires the account's password, or that a provider asked for its own a moment ago. A wrong password counts like a failed login:
/// whoever holds a token may not guess here what they may not guess there.
///
/// # Errors
/// [`Error::Forbidden`] when it is wrong, [`Error::Invalid`] when it is missing, [`Error::TooManyRequests`] while the
/// caller's network is locked out.
pub(super) async fn confirm<P>(
    app: &App,
    allowed: &Allowed<P>,
    user: &Stored<User>,
    password: Option<PresentedPassword>,
) -> Result<()> {
    let Some(password) = password else { return require_recent_login(app, allowed, user).await };
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
