//! `GET /users`

use axum::extract::State;
use kernel::{Limit, Page, Result, Role, Sort, id::TenantId, permission::UsersRead};
use platform::{Allowed, Paging, Query, View};
use store::{Store, Stored};

use crate::{
    App,
    membership::Membership,
    user::{User, UserStatus, UserView},
};

kernel::input! {
    /// Which accounts.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListUsers {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        sort: Option<Sort>,
        /// Only accounts with this status. The rest is left out after it was read: a page may hold fewer than `limit`,
        /// and the list goes on for as long as there is a `next_cursor`.
        #[param(value_type = Option<UserStatus>, inline)]
        status: Option<UserStatus>,
    }
}

/// Lists accounts.
///
/// Operators see every account, a tenant's admins those of its members.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", params(ListUsers),
    responses((status = 200, description = "A page of accounts, oldest first unless told otherwise.", body = Page<UserView>)),
    extensions(("x-permission" = json!("users:read")))
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    allowed: Allowed<UsersRead>,
    Query(ListUsers { limit, cursor, sort, status }): Query<ListUsers>,
) -> platform::Result<View<Page<UserView>>> {
    let store = app.edge.store();
    let paging = Paging { limit, cursor, sort };
    let page = if allowed.principal().role == Role::Operator {
        let users = paging.read(store, with_status(User::all(), status)).await?;
        users.map(|user| UserView::from(&user))
    } else {
        of_members(store, allowed.tenant_id(), &paging, status).await?
    };
    Ok(View(page))
}

fn with_status(users: store::Query<User>, status: Option<UserStatus>) -> store::Query<User> {
    match status {
        Some(status) => users.only("status", &status),
        None => users,
    }
}

async fn of_members(
    store: &Store,
    tenant_id: TenantId,
    paging: &Paging,
    status: Option<UserStatus>,
) -> Result<Page<UserView>> {
    let members = paging.read(store, Membership::of_tenant(tenant_id).narrowed(status)).await?;
    let mut users: Page<(Membership, Stored<User>)> =
        store.join(members, |member| User::key_of(member.user_id)).await?;
    users.items.retain(|(_, user)| status.is_none_or(|status| user.status == status));
    Ok(users.map(|(_, user)| UserView::from(&user.value)))
}
