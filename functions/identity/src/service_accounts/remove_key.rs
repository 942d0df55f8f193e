//! `DELETE /service-accounts/{id}/keys/{key_id}`

use axum::extract::State;
use kernel::{id::ServiceAccountId, permission::ServiceAccountsWrite};
use platform::{Allowed, NoContent, Path, Result};

use super::revoke;
use crate::{App, service_account::store::find};

/// Revokes a key of a service account.
///
/// Assertions under it are refused from now on, and the tokens that the account has are worth nothing within 5 seconds:
/// with another key, or its secret, it asks for a new one.
#[utoipa::path(
    delete, path = "/api/v1/service-accounts/{id}/keys/{key_id}", tag = "service accounts",
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("key_id" = String, Path, description = "The key's thumbprint"),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Somebody else changed the account at the same time."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn remove_key(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    Path((id, key_id)): Path<(ServiceAccountId, String)>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let account = find(store, allowed.principal(), id).await?;
    let now = app.edge.clock().now();
    let next = account.without_key(&key_id, now)?;
    revoke(store, &allowed.actor, "service_account.remove_key", (&account, &next), now).await?;
    Ok(NoContent)
}
