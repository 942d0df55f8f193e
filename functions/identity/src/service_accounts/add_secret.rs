//! `POST /service-accounts/{id}/secrets`

use axum::extract::State;
use kernel::{id::ServiceAccountId, permission::ServiceAccountsWrite, revocation::Subject};
use platform::{Allowed, Create, Created, Path, Result, ids};

use super::change;
use crate::{
    App,
    service_account::{
        credential::{ClientSecret, SecretView},
        store::find,
    },
};

kernel::input! {
    /// A new secret.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"revoke_others": false}))]
    pub(crate) struct AddSecret {
        /// Ends the account's other secrets at once, and the tokens it has. Without it both secrets work, until the old
        /// one is removed.
        revoke_others: Option<bool>,
    }
}

/// Makes another secret for a service account, to replace the one it has.
///
/// The answer has the secret, which is shown this once. An account has two at most: deploy the new one, then remove the
/// old one.
#[utoipa::path(
    post, path = "/api/v1/service-accounts/{id}/secrets", tag = "service accounts", request_body = AddSecret,
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer"),
    ),
    responses(
        (status = 201, description = "The secret.", body = SecretView, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "The caller may not do this, or the account may do more than the caller."),
        (status = 409, description = "It has two secrets (rule `too_many_secrets`), or somebody else changed it at the same time."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn add_secret(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    Path(id): Path<ServiceAccountId>,
    Create(input): Create<AddSecret>,
) -> Result<Created> {
    let store = app.edge.store();
    let account = find(store, allowed.principal(), id).await?;
    account.require_within(allowed.principal())?;
    let is_only = input.revoke_others.unwrap_or(false);
    let now = app.edge.clock().now();
    let keys = app.roots.latest().await?;
    let (text, secret) = ClientSecret::issue(ids::new(now), ids::random(), id, &keys, now);
    let view = SecretView { client_secret: Some(text.expose().clone()), ..SecretView::from(&secret) };
    let next = account.with_secret(secret, is_only, now)?;
    let mut change = change("service_account.add_secret", &account, &next);
    if is_only {
        change = change.revoke(ids::new(now), Subject::ServiceAccount(id), now);
    }
    // A secret has no resource of its own to read: it is seen with its account.
    let location = format!("/api/v1/service-accounts/{id}");
    Created::commit(store, &allowed.actor, change, &location, &view).await
}
