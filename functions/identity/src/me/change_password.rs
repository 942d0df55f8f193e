//! `POST /me/password`

use axum::extract::State;
use kernel::{Error, Timestamp, permission::ProfileWrite, revocation::Subject};
use platform::{Allowed, Json, NoContent, Result, ids};
use store::{Change, Stored};

use super::{account, confirm::confirm};
use crate::{
    App,
    oidc::grant,
    password::{self, NewPassword, PresentedPassword},
    session::Session,
    user::User,
};

kernel::input! {
    /// The old password and the new one.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"current_password": "correct horse battery", "new_password": "nine purple otters juggle"}))]
    pub(crate) struct ChangePassword {
        /// The password until now.
        #[schema(value_type = String, format = Password)]
        current_password: PresentedPassword,
        /// The password from now on: 10 to 128 characters, hard to guess.
        #[schema(value_type = String, format = Password, min_length = 10, max_length = 128)]
        new_password: NewPassword,
    }
}

/// Changes one's own password.
///
/// Every other session ends. This one stays; its access token is refused within 5 seconds like all others, so refresh.
#[utoipa::path(
    post, path = "/api/v1/me/password", tag = "me", request_body = ChangePassword,
    responses(
        (status = 204, description = "The password has changed."),
        (status = 403, description = "The current password is wrong, or passwords are not used here."),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("profile:write")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
    Json(input): Json<ChangePassword>,
) -> Result<NoContent> {
    app.require_password_login()?;
    let user = account(&app, &allowed).await?;
    password::check_policy(&input.new_password, &user.email, &user.username)
        .map_err(|fault| Error::invalid("/new_password", fault))?;
    confirm(&app, &allowed, &user, Some(input.current_password)).await?;
    let password = app.hasher.hash(input.new_password).await?;
    // Hashing takes its time: access tokens made meanwhile are refused too.
    let now = app.edge.clock().now();
    let next = user.value.clone().with_password(password, now).without_sessions(now);
    let change = Change::new("user.change_password", "user", user.id)
        .in_tenant(user.personal_tenant_id)
        .replace(&user, &next)
        .revoke(ids::new(now), Subject::User(user.id), now);
    let change = keep_current(&app, &allowed, change, &user, &next, now).await?;
    app.edge.store().commit(&allowed.actor, change).await?;
    grant::forget(app.edge.store(), &allowed.actor, &user, allowed.principal().session_id).await;
    Ok(NoContent)
}

/// Takes the session that asks over to the other side of the change.
async fn keep_current(
    app: &App,
    allowed: &Allowed<ProfileWrite>,
    change: Change,
    user: &User,
    next: &User,
    now: Timestamp,
) -> Result<Change> {
    let Some(id) = allowed.principal().session_id else {
        return Ok(change);
    };
    let session: Option<Stored<Session>> = app.edge.store().get_consistent(&Session::key_of(id)).await?;
    let session = session.filter(|session| session.user_id == user.id && session.is_alive(user, now));
    Ok(match session {
        Some(session) => {
            let kept = Session { valid_from: next.sessions_valid_from, ..session.value.clone() };
            change.replace(&session, &kept)
        }
        None => change,
    })
}
