//! `DELETE /me/tenants/{id}`

use axum::extract::State;
use kernel::{id::TenantId, permission::ProfileWrite, revocation::Subject};
use platform::{Allowed, NoContent, Path, Result, ids};
use store::Change;

use super::account;
use crate::{App, tenants::members::Case};

/// Leaves a tenant.
///
/// One's access tokens for it are worth nothing within 5 seconds. Whatever one's role there is, and whichever tenant
/// the token of this request was made for.
#[utoipa::path(
    delete, path = "/api/v1/me/tenants/{id}", tag = "me",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 204, description = "One does not belong to it any more."),
        (status = 409, description = "One is its last owner (rule `last_owner`), it was made with the account (rule `founder`), or somebody else changed it."),
    ),
    extensions(("x-permission" = json!("profile:write")))
)]
pub(crate) async fn leave_tenant(
    State(app): State<App>,
    allowed: Allowed<ProfileWrite>,
    Path(id): Path<TenantId>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let user = account(&app, &allowed).await?;
    let user_id = user.id;
    let case = Case::own(store, user, id).await?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let change = Change::new("member.leave", "member", user_id).in_tenant(id).delete(&case.member).revoke(
        ids::new(now),
        Subject::Member(id, user_id),
        now,
    );
    let change = case.decide(change, case.member.role, None)?;
    store.commit(&allowed.actor, change).await?;
    Ok(NoContent)
}
