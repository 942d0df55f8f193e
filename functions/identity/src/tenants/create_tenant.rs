//! `POST /tenants`

use axum::extract::State;
use kernel::{Error, Role, permission::TenantsCreate};
use platform::{Allowed, Create, Created, Result, ids};
use store::Change;

use super::list_tenants::people_only;
use crate::{
    App,
    display_name::DisplayName,
    membership::Membership,
    tenant::{Tenant, TenantView},
    user,
};

kernel::input! {
    /// A new tenant.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"name": "Ann's workshop"}))]
    pub(crate) struct CreateTenant {
        /// What people call it.
        name: DisplayName,
    }
}

/// Makes a tenant that the caller owns.
///
/// The caller's token goes on acting in the tenant that it was made for: to act in the new one, log in with its id as
/// `tenant_id`.
#[utoipa::path(
    post, path = "/api/v1/tenants", tag = "tenants", request_body = CreateTenant,
    params(("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer")),
    responses((status = 201, description = "The tenant.", body = TenantView, headers(("Location" = String), ("ETag" = String)))),
    extensions(("x-permission" = json!("tenants:create")))
)]
pub(crate) async fn create_tenant(
    State(app): State<App>,
    allowed: Allowed<TenantsCreate>,
    Create(input): Create<CreateTenant>,
) -> Result<Created> {
    let store = app.edge.store();
    let user_id = allowed.principal().user_id().ok_or_else(people_only)?;
    let owner = user::store::require(store, user_id).await?;
    let now = allowed.now();
    let tenant = Tenant::new(ids::new(now), input.name, false, now);
    let membership =
        Membership { tenant_id: tenant.id, user_id, role: Role::Owner, created_at: now, updated_at: now };
    let change = Change::new("tenant.create", "tenant", tenant.id)
        .in_tenant(tenant.id)
        .create(&tenant, Error::internal("create a tenant", "its id exists"))
        .create(&membership, Error::internal("create a membership", "it exists"))
        .require(&owner);
    let location = format!("/api/v1/tenants/{}", tenant.id);
    Created::commit(store, &allowed.actor, change, &location, &TenantView::from(&tenant)).await
}
