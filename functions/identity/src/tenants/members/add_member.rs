//! `POST /tenants/{id}/members`

use axum::extract::State;
use kernel::{Error, id::TenantId, permission::MembersWrite};
use platform::{Allowed, Create, Created, Path, Result};
use store::Change;

use super::count_owners;
use crate::{
    App,
    email::Email,
    membership::{GrantableRole, MemberView, Membership, Seat},
    tenants::find,
    user,
};

kernel::input! {
    /// A new member.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"email": "bob@example.com", "role": "member"}))]
    pub(crate) struct AddMember {
        /// The e-mail address of an account.
        email: Email,
        /// Its role in the tenant. Only owners make owners.
        role: GrantableRole,
    }
}

/// Adds an account to the tenant.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/members", tag = "tenants", request_body = AddMember,
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer"),
    ),
    responses(
        (status = 201, description = "The member.", body = MemberView, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "The caller may not do this, or not make an owner."),
        (status = 409, description = "The account belongs to the tenant already, or somebody else changed either at the same time."),
    ),
    extensions(("x-permission" = json!("members:write")))
)]
pub(crate) async fn add_member(
    State(app): State<App>,
    allowed: Allowed<MembersWrite>,
    Path(id): Path<TenantId>,
    Create(input): Create<AddMember>,
) -> Result<Created> {
    let store = app.edge.store();
    let caller = allowed.principal();
    let tenant = find(store, caller, id).await?;
    let role = input.role.get();
    let owners = Seat::default().give(Some(role), caller.role, tenant.owners)?;
    let user = user::store::find_by_email(store, &input.email).await?;
    let user = user.ok_or_else(|| Error::invalid("/email", "must belong to an account"))?;
    let now = allowed.now();
    let member = Membership { tenant_id: id, user_id: user.id, role, created_at: now, updated_at: now };
    let change = Change::new("member.add", "member", user.id)
        .in_tenant(id)
        .create(&member, already_member())
        // An account that is erased meanwhile gets no membership.
        .require(&user);
    let change = count_owners(change, &tenant, owners);
    let location = format!("/api/v1/tenants/{id}/members/{}", user.id);
    let view = MemberView::new(&member, &user.username);
    Created::commit(store, &allowed.actor, change, &location, &view).await
}

fn already_member() -> Error {
    Error::conflict("already_member", "this account belongs to the tenant; change its role")
}
