//! `DELETE /service-accounts/{id}/secrets/{secret_id}`

use axum::extract::State;
use kernel::{
    id::{ClientSecretId, ServiceAccountId},
    permission::ServiceAccountsWrite,
};
use platform::{Allowed, NoContent, Path, Result};

use super::revoke;
use crate::{App, service_account::store::find};

/// Revokes a secret of a service account.
///
/// It gets no more tokens, and those the account has are worth nothing within 5 seconds: with another secret, or a key,
/// it asks for a new one.
#[utoipa::path(
    delete, path = "/api/v1/service-accounts/{id}/secrets/{secret_id}", tag = "service accounts",
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("secret_id" = ClientSecretId, Path, description = "The secret"),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Somebody else changed the account at the same time."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn remove_secret(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    Path((id, secret_id)): Path<(ServiceAccountId, ClientSecretId)>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let account = find(store, allowed.principal(), id).await?;
    let now = app.edge.clock().now();
    let next = account.without_secret(secret_id, now)?;
    revoke(store, &allowed.actor, "service_account.remove_secret", (&account, &next), now).await?;
    Ok(NoContent)
}
