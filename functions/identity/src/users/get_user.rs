//! `GET /users/{id}`

use axum::{extract::State, response::Response};
use kernel::{Error, Principal, Result, Role, id::UserId, permission::UsersRead};
use platform::{Allowed, Conditional, Path};
use store::Store;

use crate::{
    App,
    membership::Membership,
    user::{User, UserView},
};

/// Shows an account.
///
/// Operators see every account, a tenant's admins those of its members.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users",
    params(
        ("id" = UserId, Path, description = "The account"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
    ),
    responses(
        (status = 200, description = "The account.", body = UserView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("users:read")))
)]
pub(crate) async fn get_user(
    State(app): State<App>,
    allowed: Allowed<UsersRead>,
    conditional: Conditional,
    Path(id): Path<UserId>,
) -> platform::Result<Response> {
    let store = app.edge.store();
    if !may_see(store, allowed.principal(), id).await? {
        return Err(Error::NotFound("account").into());
    }
    let user = store.get::<User>(&User::key_of(id)).await?;
    let user = user.ok_or(Error::NotFound("account"))?;
    conditional.answer(&UserView::from(&user.value))
}

async fn may_see(store: &Store, caller: &Principal, id: UserId) -> Result<bool> {
    if caller.role == Role::Operator {
        return Ok(true);
    }
    let membership = store.get::<Membership>(&Membership::key_of(caller.tenant_id, id)).await?;
    Ok(membership.is_some())
}
