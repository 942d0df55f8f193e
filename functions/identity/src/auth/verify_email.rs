//! `POST /auth/email/verify`

use axum::extract::State;
use platform::{Json, NoContent, Result, Visitor};

use super::redemption::Redemption;
use crate::{App, mail_token::Purpose, user::User};

kernel::input! {
    /// The token from the mail.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"token": "gw_mt_AmsxAZgfmi5LfD2aUT9tK4wOFwAAAAA"}))]
    pub(crate) struct VerifyEmail {
        /// The token, which can be used once within 15 minutes.
        token: String,
    }
}

/// Verifies an e-mail address with the token that was sent there.
#[utoipa::path(
    post, path = "/api/v1/auth/email/verify", tag = "auth", request_body = VerifyEmail,
    responses(
        (status = 204, description = "The address is verified."),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn verify_email(
    State(app): State<App>,
    visitor: Visitor,
    Json(input): Json<VerifyEmail>,
) -> Result<NoContent> {
    let now = visitor.info.now;
    let redemption = Redemption::begin(&app, &input.token, Purpose::VerifyEmail, now).await?;
    let next = User {
        email_verified_at: redemption.user.email_verified_at.or(Some(now)),
        updated_at: now,
        ..redemption.user.value.clone()
    };
    let change = redemption.change("user.verify_email", &next);
    app.edge.store().commit(&visitor.actor, change).await?;
    Ok(NoContent)
}
