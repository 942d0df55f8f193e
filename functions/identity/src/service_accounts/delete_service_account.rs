//! `DELETE /service-accounts/{id}`

use axum::extract::State;
use kernel::{id::ServiceAccountId, permission::ServiceAccountsWrite, revocation::Subject};
use platform::{Allowed, Conditional, NoContent, Path, Result, ids};
use store::Change;

use crate::{
    App,
    service_account::{ServiceAccountView, store::find},
};

/// Removes a service account.
///
/// It gets no more tokens, and those it has are worth nothing within 5 seconds.
#[utoipa::path(
    delete, path = "/api/v1/service-accounts/{id}", tag = "service accounts",
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the service account that the client saw"),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Somebody else changed it at the same time."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn delete_service_account(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    conditional: Conditional,
    Path(id): Path<ServiceAccountId>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let account = find(store, allowed.principal(), id).await?;
    conditional.check(&ServiceAccountView::from(&account.value))?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let change = Change::new("service_account.delete", "service_account", id)
        .in_tenant(account.tenant_id)
        .delete_or(&account, conditional.lost_race())
        .revoke(ids::new(now), Subject::ServiceAccount(id), now);
    store.commit(&allowed.actor, change).await?;
    Ok(NoContent)
}
