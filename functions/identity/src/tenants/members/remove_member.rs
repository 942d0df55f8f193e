//! `DELETE /tenants/{id}/members/{user_id}`

use axum::extract::State;
use kernel::{
    id::{TenantId, UserId},
    permission::MembersWrite,
    revocation::Subject,
};
use platform::{Allowed, Conditional, NoContent, Path, Result, ids};
use store::Change;

use super::Case;
use crate::App;

/// Removes a member.
///
/// Its access tokens for this tenant are worth nothing within 5 seconds. Its account stays.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}/members/{user_id}", tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("user_id" = UserId, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the member that the client saw"),
    ),
    responses(
        (status = 204, description = "It does not belong to the tenant any more."),
        (status = 403, description = "The caller may not do this, or not to an owner."),
        (status = 409, description = "It is the last owner, or the one that the tenant was made with, or somebody else changed it."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("members:write")))
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    allowed: Allowed<MembersWrite>,
    conditional: Conditional,
    Path((id, user_id)): Path<(TenantId, UserId)>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let caller = allowed.principal();
    let case = Case::read(store, caller, id, user_id).await?;
    conditional.check(&case.view())?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let change = Change::new("member.remove", "member", user_id)
        .in_tenant(id)
        .delete_or(&case.member, conditional.lost_race())
        .revoke(ids::new(now), Subject::Member(id, user_id), now);
    let change = case.decide(change, caller.role, None)?;
    store.commit(&allowed.actor, change).await?;
    Ok(NoContent)
}
