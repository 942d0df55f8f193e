//! `GET /tenants/{id}`

use axum::{extract::State, response::Response};
use kernel::{id::TenantId, permission::TenantsRead};
use platform::{Allowed, Conditional, Path, Result};

use super::find;
use crate::{App, tenant::TenantView};

/// Shows the tenant that the caller acts in.
///
/// Operators see every tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The tenant.", body = TenantView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("tenants:read")))
)]
pub(crate) async fn get_tenant(
    State(app): State<App>,
    allowed: Allowed<TenantsRead>,
    conditional: Conditional,
    Path(id): Path<TenantId>,
) -> Result<Response> {
    let tenant = find(app.edge.store(), allowed.principal(), id).await?;
    conditional.answer(&TenantView::from(&tenant.value))
}
