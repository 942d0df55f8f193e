//! `GET /users`

use axum::extract::State;
use kernel::{Page, Result, Role, id::TenantId, permission::UsersRead};
use platform::{Allowed, Paging, Query, View};
use store::{Store, Stored};

use crate::{
    App,
    membership::Membership,
    user::{User, UserView},
};

/// Lists accounts.
///
/// Operators see every account, a tenant's admins those of its members.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", params(Paging),
    responses((status = 200, description = "A page of accounts, oldest first.", body = Page<UserView>)),
    extensions(("x-permission" = json!("users:read")))
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    allowed: Allowed<UsersRead>,
    Query(paging): Query<Paging>,
) -> platform::Result<View<Page<UserView>>> {
    let store = app.edge.store();
    let page = if allowed.principal().role == Role::Operator {
        let users = paging.read(store, &User::all()).await?;
        users.map(|user| UserView::from(&user))
    } else {
        of_members(store, allowed.tenant_id(), &paging).await?
    };
    Ok(View(page))
}

async fn of_members(store: &Store, tenant_id: TenantId, paging: &Paging) -> Result<Page<UserView>> {
    let members = paging.read(store, &Membership::of_tenant(tenant_id)).await?;
    let users: Page<(Membership, Stored<User>)> =
        store.join(members, |member| User::key_of(member.user_id)).await?;
    Ok(users.map(|(_, user)| UserView::from(&user.value)))
}
