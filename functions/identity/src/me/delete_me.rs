//! `DELETE /me`

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::permission::ProfileWrite;
use platform::{Allowed, Json, NoContent, Result};

use super::{account, confirm::confirm};
use crate::{App, erasure::Erasure, password::PresentedPassword, tokens};

kernel::input! {
    /// The confirmation.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"password": "correct horse battery"}))]
    pub(crate) struct DeleteMe {
        /// The account's password. Whoever was asked by their provider who they are, in the last five minutes and for this
        /// session, may leave it out: such a login begins with `reauthenticate=true`.
        #[schema(value_type = Option<String>, format = Password)]
        password: Option<PresentedPassword>,
    }
}

/// Erases one's own account.
///
/// It takes the password, or a login a moment ago for which the provider asked who it is, because nothing brings the account back and an access
/// token can be stolen. With the account go its sessions, its login history, its personal tenant, and every tenant of
/// which it is the only member; it leaves the others. E-mail address and username are free again.
#[utoipa::path(
    delete, path = "/api/v1/me", tag = "me", request_body = DeleteMe,
    responses(
        (status = 204, description = "The account is gone."),
        (status = 403, description = "The password is wrong, or the caller is no person."),
        (status = 409, description = "It is the only owner of a tenant with other members (rule `last_owner`), or one of its tenants was changed at the same moment."),
    ),
    extensions(("x-permission" = json!("profile:write")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn delete_me(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
    Json(input): Json<DeleteMe>,
) -> Result<Response> {
    let user = account(&app, &allowed).await?;
    confirm(&app, &allowed, &user, input.password).await?;
    Erasure::new(&app.edge, &allowed.actor, &user).run().await?;
    Ok(tokens::without_cookies(NoContent.into_response()))
}
