//! `GET /tenants/{id}/members`

use axum::extract::State;
use kernel::{Limit, Page, Sort, id::TenantId, permission::MembersRead};
use platform::{Allowed, Paging, Path, Query, Result, View};
use store::Stored;

use crate::{
    App,
    membership::{GrantableRole, MemberView, Membership},
    tenants::find,
    user::User,
};

kernel::input! {
    /// Which members.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListMembers {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age of the accounts: `user_id` is oldest first, `-user_id` newest first. A cursor goes on in its own
        /// order only.
        #[param(value_type = Option<String>, pattern = "^-?user_id$", example = "-user_id")]
        sort: Option<MemberSort>,
        /// Only members with this role. The rest is left out after it was read: a page may hold fewer than `limit`, and
        /// the list goes on for as long as there is a `next_cursor`.
        #[param(value_type = Option<GrantableRole>, inline)]
        role: Option<GrantableRole>,
    }
}

/// The order of members: by the ids of their accounts. When they joined is in no index.
#[derive(Clone, Copy, Debug)]
struct MemberSort(Sort);

/// The text names no order.
#[derive(Debug, thiserror::Error)]
#[error("must be user_id or -user_id")]
struct ParseMemberSortError;

impl std::str::FromStr for MemberSort {
    type Err = ParseMemberSortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "user_id" => Ok(Self(Sort::Created)),
            "-user_id" => Ok(Self(Sort::CreatedDescending)),
            _ => Err(ParseMemberSortError),
        }
    }
}

kernel::text_input!(MemberSort);

/// Lists who belongs to the tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/members", tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), ListMembers),
    responses((status = 200, description = "A page of members, by age of their accounts.", body = Page<MemberView>)),
    extensions(("x-permission" = json!("members:read")))
)]
pub(crate) async fn list_members(
    State(app): State<App>,
    allowed: Allowed<MembersRead>,
    Path(id): Path<TenantId>,
    Query(ListMembers { limit, cursor, sort, role }): Query<ListMembers>,
) -> Result<View<Page<MemberView>>> {
    let store = app.edge.store();
    find(store, allowed.principal(), id).await?;
    let members = Membership::of_tenant(id);
    let members = match role {
        Some(role) => members.only("role", &role.get()),
        None => members,
    };
    let paging = Paging { limit, cursor, sort: sort.map(|sort| sort.0) };
    let page = paging.read(store, members).await?;
    // Who is being erased at this moment is left out.
    let members: Page<(Membership, Stored<User>)> =
        store.join(page, |member| User::key_of(member.user_id)).await?;
    Ok(View(members.map(|(member, account)| MemberView::new(&member, &account.username))))
}
