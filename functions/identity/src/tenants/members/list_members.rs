//! `GET /tenants/{id}/members`

use axum::extract::State;
use kernel::{Page, id::TenantId, permission::MembersRead};
use platform::{Allowed, Paging, Path, Query, Result, View};
use store::Stored;

use crate::{
    App,
    membership::{MemberView, Membership},
    tenants::find,
    user::User,
};

/// Lists who belongs to the tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/members", tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), Paging),
    responses((status = 200, description = "A page of members, by age of their accounts.", body = Page<MemberView>)),
    extensions(("x-permission" = json!("members:read")))
)]
pub(crate) async fn list_members(
    State(app): State<App>,
    allowed: Allowed<MembersRead>,
    Path(id): Path<TenantId>,
    Query(paging): Query<Paging>,
) -> Result<View<Page<MemberView>>> {
    let store = app.edge.store();
    find(store, allowed.principal(), id).await?;
    let page = paging.read(store, &Membership::of_tenant(id)).await?;
    // Who is being erased at this moment is left out.
    let members: Page<(Membership, Stored<User>)> =
        store.join(page, |member| User::key_of(member.user_id)).await?;
    Ok(View(members.map(|(member, account)| MemberView::new(&member, &account.username))))
}
