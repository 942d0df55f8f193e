//! `GET /service-accounts/{id}`

use axum::{extract::State, response::Response};
use kernel::{id::ServiceAccountId, permission::ServiceAccountsRead};
use platform::{Allowed, Conditional, Path, Result};

use crate::{
    App,
    service_account::{ServiceAccountView, store::find},
};

/// Shows a service account, with its keys and without what is secret of its secrets.
#[utoipa::path(
    get, path = "/api/v1/service-accounts/{id}", tag = "service accounts",
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The service account.", body = ServiceAccountView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("service_accounts:read")))
)]
pub(crate) async fn get_service_account(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsRead>,
    conditional: Conditional,
    Path(id): Path<ServiceAccountId>,
) -> Result<Response> {
    let account = find(app.edge.store(), allowed.principal(), id).await?;
    conditional.answer(&ServiceAccountView::from(&account.value))
}
