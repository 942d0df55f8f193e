//! `GET /tenants`

use axum::extract::State;
use kernel::{Error, Page, Result, Role, id::UserId, permission::ProfileRead};
use platform::{Allowed, Paging, Query, View};
use serde::Serialize;
use store::{Store, Stored};

use crate::{
    App,
    membership::Membership,
    tenant::{Tenant, TenantView},
};

/// A tenant, and what the caller is there.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"role": "owner", "tenant": {
    "id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "name": "Ann's workshop", "is_personal": false,
    "created_at": "2026-01-31T12:00:00.000Z", "updated_at": "2026-01-31T12:00:00.000Z"
}}))]
pub(crate) struct SeatView {
    /// The tenant.
    tenant: TenantView,
    /// The caller's role there.
    role: Role,
}

/// Lists the caller's tenants.
///
/// To act in one of them, log in with its id as `tenant_id`. Operators see every tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants", tag = "tenants", params(Paging),
    responses((status = 200, description = "A page of tenants, oldest first unless told otherwise.", body = Page<SeatView>)),
    extensions(("x-permission" = json!("profile:read")))
)]
pub(crate) async fn list_tenants(
    State(app): State<App>,
    allowed: Allowed<ProfileRead>,
    Query(paging): Query<Paging>,
) -> platform::Result<View<Page<SeatView>>> {
    let store = app.edge.store();
    let caller = allowed.principal();
    if caller.role == Role::Operator {
        let tenants = paging.read(store, Tenant::all()).await?;
        return Ok(View(
            tenants.map(|tenant| SeatView { tenant: TenantView::from(&tenant), role: Role::Operator }),
        ));
    }
    let user_id = caller.user_id().ok_or_else(people_only)?;
    Ok(View(of_user(store, user_id, &paging).await?))
}

async fn of_user(store: &Store, user_id: UserId, paging: &Paging) -> Result<Page<SeatView>> {
    let seats = paging.read(store, Membership::of_user(user_id)).await?;
    let seats: Page<(Membership, Stored<Tenant>)> =
        store.join(seats, |seat| Tenant::key_of(seat.tenant_id)).await?;
    Ok(seats.map(|(seat, tenant)| SeatView { tenant: TenantView::from(&tenant.value), role: seat.role }))
}

/// Tenants belong to people; a machine works in the one that it was made in.
pub(super) fn people_only() -> Error {
    Error::Forbidden("this is for people".into())
}
