//! `POST /auth/password/reset`

use axum::extract::State;
use kernel::{Error, revocation::Subject};
use platform::{Json, NoContent, Result, Visitor, ids};

use super::redemption::{Redemption, refused};
use crate::{
    App,
    mail_token::Purpose,
    oidc::grant,
    password::{self, NewPassword},
    user::User,
};

kernel::input! {
    /// The token from the mail, and the new password.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"token": "gw_mt_AmsxAZgfmi5LfD2aUT9tK4wOFwAAAAA", "password": "nine purple otters juggle"}))]
    pub(crate) struct ResetPassword {
        /// The token, which can be used once within 15 minutes.
        token: String,
        /// The password from now on: 10 to 128 characters, hard to guess.
        #[schema(value_type = String, format = Password, min_length = 10, max_length = 128)]
        password: NewPassword,
    }
}

/// Sets a new password with the token that was sent by mail.
///
/// Every session ends, and tokens that were sent before are worth nothing any more. Whoever has read the mail has shown
/// that the address is theirs: it is verified. A password that is refused leaves the token as it was.
#[utoipa::path(
    post, path = "/api/v1/auth/password/reset", tag = "auth", request_body = ResetPassword,
    responses(
        (status = 204, description = "The password is set."),
        (status = 403, description = "Passwords are not used here."),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn reset_password(
    State(app): State<App>,
    visitor: Visitor,
    Json(input): Json<ResetPassword>,
) -> Result<NoContent> {
    app.require_password_login()?;
    let redemption = Redemption::begin(&app, &input.token, Purpose::ResetPassword, visitor.info.now).await?;
    let user = &redemption.user;
    if redemption.token.made_at() <= user.password_set_at {
        return Err(refused().into());
    }
    password::check_policy(&input.password, &user.email, &user.username)
        .map_err(|fault| Error::invalid("/password", fault))?;
    let password = app.hasher.hash(input.password).await?;
    // Hashing takes its time: access tokens made meanwhile are refused too.
    let now = app.edge.clock().now();
    let next = User {
        email_verified_at: user.email_verified_at.or(Some(now)),
        ..user.value.clone().with_password(password, now).without_sessions(now)
    };
    let change =
        redemption.change("user.reset_password", &next).revoke(ids::new(now), Subject::User(user.id), now);
    app.edge.store().commit(&visitor.actor, change).await?;
    grant::forget(app.edge.store(), &visitor.actor, user, None).await;
    Ok(NoContent)
}
