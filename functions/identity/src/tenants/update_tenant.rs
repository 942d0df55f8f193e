//! `PATCH /tenants/{id}`

use axum::{extract::State, response::Response};
use kernel::{id::TenantId, permission::TenantsWrite};
use platform::{Allowed, Conditional, Json, Path, Result};
use store::Change;

use super::find;
use crate::{
    App,
    display_name::DisplayName,
    tenant::{Tenant, TenantView},
};

kernel::input! {
    /// What to change; what is absent stays.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"name": "Ann's big workshop"}))]
    pub(crate) struct UpdateTenant {
        /// What people call it from now on.
        name: Option<DisplayName>,
    }
}

/// Renames the tenant that the caller acts in.
#[utoipa::path(
    patch, path = "/api/v1/tenants/{id}", tag = "tenants", request_body = UpdateTenant,
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the tenant that the client saw"),
    ),
    responses(
        (status = 200, description = "The tenant as it is now.", body = TenantView, headers(("ETag" = String))),
        (status = 409, description = "Somebody else changed it at the same time."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("tenants:write")))
)]
pub(crate) async fn update_tenant(
    State(app): State<App>,
    allowed: Allowed<TenantsWrite>,
    conditional: Conditional,
    Path(id): Path<TenantId>,
    Json(input): Json<UpdateTenant>,
) -> Result<Response> {
    let store = app.edge.store();
    let tenant = find(store, allowed.principal(), id).await?;
    let amendment = conditional.amend(
        store,
        &allowed.actor,
        &tenant,
        |it| TenantView::from(it),
        |tenant| {
            let name = input.name.unwrap_or_else(|| tenant.name.clone());
            if name == tenant.name {
                return Ok(None);
            }
            let next = Tenant { name, updated_at: allowed.now(), ..tenant.clone() };
            Ok(Some((next, Change::new("tenant.rename", "tenant", id).in_tenant(id))))
        },
    );
    amendment.await
}
