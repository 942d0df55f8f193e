//! `POST /me/email/verification`

use axum::{extract::State, http::StatusCode};
use kernel::{Error, permission::ProfileWrite};
use platform::{Allowed, Result, ids};
use store::Change;

use super::account;
use crate::{
    App, attempts,
    mail_token::{self, MailToken, Purpose},
};

/// Sends a mail with a new token that verifies one's e-mail address.
#[utoipa::path(
    post, path = "/api/v1/me/email/verification", tag = "me",
    responses(
        (status = 202, description = "The mail is on its way."),
        (status = 409, description = "The address is verified (rule `already_verified`)."),
    ),
    extensions(("x-permission" = json!("profile:write")))
)]
pub(crate) async fn send_verification(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
) -> Result<StatusCode> {
    let user = account(&app, &allowed).await?;
    if user.email_verified_at.is_some() {
        return Err(Error::conflict("already_verified", "the e-mail address is verified").into());
    }
    let now = allowed.now();
    attempts::spend_mail(&app.edge, &user.email, now).await?;
    let token =
        MailToken::issue(ids::new(now), user.id, Purpose::VerifyEmail, &*app.roots.latest().await?, now);
    let change = Change::new("user.send_verification", "user", user.id).in_tenant(user.personal_tenant_id);
    let change = mail_token::store::send(change, &token);
    app.edge.store().commit(&allowed.actor, change).await?;
    Ok(StatusCode::ACCEPTED)
}
