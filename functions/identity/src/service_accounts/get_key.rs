//! `GET /service-accounts/{id}/keys/{key_id}`

use axum::{extract::State, response::Response};
use kernel::{id::ServiceAccountId, permission::ServiceAccountsRead};
use platform::{Allowed, Conditional, Path, Result};

use crate::{
    App,
    service_account::{credential::KeyView, store::find},
};

/// Shows a key of a service account. All of them are seen with the account.
#[utoipa::path(
    get, path = "/api/v1/service-accounts/{id}/keys/{key_id}", tag = "service accounts",
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("key_id" = String, Path, description = "The key's thumbprint"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The key.", body = KeyView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("service_accounts:read")))
)]
pub(crate) async fn get_key(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsRead>,
    conditional: Conditional,
    Path((id, key_id)): Path<(ServiceAccountId, String)>,
) -> Result<Response> {
    let account = find(app.edge.store(), allowed.principal(), id).await?;
    conditional.answer(&KeyView::from(account.find_key(&key_id)?))
}
