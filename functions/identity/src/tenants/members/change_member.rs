//! `PATCH /tenants/{id}/members/{user_id}`

use axum::{extract::State, response::Response};
use kernel::{
    id::{TenantId, UserId},
    permission::MembersWrite,
    revocation::Subject,
};
use platform::{Allowed, Conditional, Json, Path, Result, ids};
use store::Change;

use super::Case;
use crate::{
    App,
    membership::{GrantableRole, MemberView, Membership},
};

kernel::input! {
    /// What to change; what is absent stays.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"role": "admin"}))]
    pub(crate) struct ChangeMember {
        /// Another role. Only owners make or unmake owners.
        role: Option<GrantableRole>,
    }
}

/// Gives a member another role.
///
/// Its access tokens for this tenant are worth nothing within 5 seconds; refreshed ones have the new role.
#[utoipa::path(
    patch, path = "/api/v1/tenants/{id}/members/{user_id}", tag = "tenants", request_body = ChangeMember,
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("user_id" = UserId, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the member that the client saw"),
    ),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberView, headers(("ETag" = String))),
        (status = 403, description = "The caller may not do this, or not to an owner."),
        (status = 409, description = "It is the last owner, or the one that the tenant was made with, or somebody else changed it."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("members:write")))
)]
pub(crate) async fn change_member(
    State(app): State<App>,
    allowed: Allowed<MembersWrite>,
    conditional: Conditional,
    Path((id, user_id)): Path<(TenantId, UserId)>,
    Json(input): Json<ChangeMember>,
) -> Result<Response> {
    let store = app.edge.store();
    let caller = allowed.principal();
    let case = Case::read(store, caller, id, user_id).await?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let view = |member: &Membership| MemberView::new(member, &case.account.username);
    let amendment = conditional.amend(store, &allowed.actor, &case.member, view, |member| {
        let role = input.role.map_or(member.role, GrantableRole::get);
        if role == member.role {
            return Ok(None);
        }
        let next = Membership { role, updated_at: now, ..member.clone() };
        let change = Change::new("member.change", "member", user_id).in_tenant(id).revoke(
            ids::new(now),
            Subject::Member(id, user_id),
            now,
        );
        Ok(Some((next, case.decide(change, caller.role, Some(role))?)))
    });
    amendment.await
}
