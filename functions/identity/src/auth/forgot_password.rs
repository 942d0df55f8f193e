//! `POST /auth/password/forgot`

use axum::{extract::State, http::StatusCode};
use kernel::Error;
use platform::{Guarded, Json, Result, ids};
use store::Change;

use crate::{
    App, attempts,
    email::Email,
    mail_token::{self, MailToken, Purpose},
    user,
};

kernel::input! {
    /// Whose password is forgotten.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"email": "ann@example.com"}))]
    pub(crate) struct ForgotPassword {
        /// The account's e-mail address.
        email: Email,
    }
}

/// Sends a mail with a token that sets a new password.
///
/// An address gets three mails in a quarter of an hour at most. The answer is the same whether or not there is an account
/// with that address, and so is everything that is done for it: where there is none, a token for nobody is written and
/// queued, and the mailer finds nobody to send it to.
#[utoipa::path(
    post, path = "/api/v1/auth/password/forgot", tag = "auth", request_body = ForgotPassword,
    responses(
        (status = 202, description = "If there is such an account, the mail is on its way."),
        (status = 403, description = "Passwords are not used here."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn forgot_password(
    State(app): State<App>,
    visitor: Guarded,
    Json(input): Json<ForgotPassword>,
) -> Result<StatusCode> {
    app.require_password_login()?;
    let now = visitor.info.now;
    let store = app.edge.store();
    match attempts::spend_mail(&app.edge, &input.email, now).await {
        // Said aloud, it would tell that somebody else has asked.
        Err(Error::TooManyRequests { .. }) => return Ok(StatusCode::ACCEPTED),
        spent => spent?,
    }
    let user = user::store::find_by_email(store, &input.email).await?;
    let (user_id, subject) = match &user {
        Some(user) => (user.id, user.id.to_string()),
        None => (ids::new(now), app.edge.pseudonym(input.email.as_str())),
    };
    let token =
        MailToken::issue(ids::new(now), user_id, Purpose::ResetPassword, &*app.roots.latest().await?, now);
    let mut change = Change::new("user.forgot_password", "account", subject);
    if let Some(user) = &user {
        change = change.in_tenant(user.personal_tenant_id);
    }
    let change = mail_token::store::send(change, &token);
    store.commit(&visitor.actor, change).await?;
    Ok(StatusCode::ACCEPTED)
}
