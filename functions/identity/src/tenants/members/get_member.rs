//! `GET /tenants/{id}/members/{user_id}`

use axum::{extract::State, response::Response};
use kernel::{
    id::{TenantId, UserId},
    permission::MembersRead,
};
use platform::{Allowed, Conditional, Path, Result};

use super::{find_account, find_member};
use crate::{App, membership::MemberView};

/// Shows a member.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/members/{user_id}", tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("user_id" = UserId, Path, description = "The account"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The member.", body = MemberView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("members:read")))
)]
pub(crate) async fn get_member(
    State(app): State<App>,
    allowed: Allowed<MembersRead>,
    conditional: Conditional,
    Path((id, user_id)): Path<(TenantId, UserId)>,
) -> Result<Response> {
    let store = app.edge.store();
    let member = find_member(store, allowed.principal(), id, user_id).await?;
    let account = find_account(store, user_id).await?;
    conditional.answer(&MemberView::new(&member, &account.username))
}
