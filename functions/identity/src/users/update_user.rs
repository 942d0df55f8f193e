//! `PATCH /users/{id}`

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use kernel::{
    Error, Result, Timestamp,
    id::{TenantId, UserId},
    permission::UsersWrite,
    revocation::Subject,
};
use platform::{Allowed, Conditional, Json, Path, ids, job::cancel_all};
use store::{Change, Store, changed_meanwhile};

use crate::{
    App,
    membership::Membership,
    oidc::grant,
    user::{self, User, UserStatus, UserView},
    username::Username,
};

kernel::input! {
    /// What to change; what is absent stays.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"status": "suspended"}))]
    pub(crate) struct UpdateUser {
        /// Another username.
        username: Option<Username>,
        /// `suspended` ends every session at once and lets no new one begin; `active` lets them in again.
        status: Option<UserStatus>,
    }
}

/// Renames, suspends or reinstates an account.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users", request_body = UpdateUser,
    params(
        ("id" = UserId, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the account that the client saw"),
    ),
    responses(
        (status = 200, description = "The account as it is now.", body = UserView, headers(("ETag" = String))),
        (status = 409, description = "The username is taken, it is one's own account that would be suspended, or somebody else changed it."),
        (status = 412, description = "It has changed since the ETag in If-Match."),
    ),
    extensions(("x-permission" = json!("users:write")))
)]
pub(crate) async fn update_user(
    State(app): State<App>,
    allowed: Allowed<UsersWrite>,
    conditional: Conditional,
    Path(id): Path<UserId>,
    Json(input): Json<UpdateUser>,
) -> platform::Result<Response> {
    let store = app.edge.store();
    let user = store.get_consistent::<User>(&User::key_of(id)).await?;
    let user = user.ok_or(Error::NotFound("account"))?;
    // Not when the request came: tokens made since then are refused too.
    let now = app.edge.clock().now();
    let is_suspended = input.status == Some(UserStatus::Suspended);
    let tenant_ids = if is_suspended { tenants_of(store, &user).await? } else { Vec::new() };
    let amendment = conditional.amend(
        store,
        &allowed.actor,
        &user,
        |user| UserView::from(user),
        |user| {
            let next = decide(user, input, allowed.principal().user_id(), now)?;
            let Some(action) = action(user, &next) else {
                return Ok(None);
            };
            let change = Change::new(action, "user", id).in_tenant(user.personal_tenant_id);
            let mut change = user::store::rename(change, user, &next)?;
            if action == SUSPEND {
                let jobs = cancel_all(&tenant_ids, Some(id), &allowed.actor);
                change =
                    change.revoke(ids::new(now), Subject::User(id), now).create(&jobs, changed_meanwhile());
            }
            Ok(Some((next, change)))
        },
    );
    let response = amendment.await?;
    if is_suspended {
        grant::forget(store, &allowed.actor, &user, None).await;
    }
    Ok(response)
}

const SUSPEND: &str = "user.suspend";

/// The tenants in which somebody may have asked for jobs.
async fn tenants_of(store: &Store, user: &User) -> Result<Vec<TenantId>> {
    let found = store.all(&Membership::of_user(user.id)).await?;
    let found = found.iter().map(|membership| membership.tenant_id);
    // An index may be behind; the personal tenant needs no telling.
    Ok(found.chain([user.personal_tenant_id]).collect::<BTreeSet<_>>().into_iter().collect())
}

/// What the change is called; `None` when nothing changes.
fn action(old: &User, new: &User) -> Option<&'static str> {
    match new.status {
        _ if old == new => None,
        status if old.status == status => Some("user.rename"),
        UserStatus::Suspended => Some(SUSPEND),
        UserStatus::Active => Some("user.reinstate"),
    }
}

/// The account as `by` wants it.
///
/// # Errors
/// [`Error::Conflict`] when somebody would lock themself out: nobody might be left to let them in again.
fn decide(user: &User, input: UpdateUser, by: Option<UserId>, now: Timestamp) -> Result<User> {
    let status = input.status.unwrap_or(user.status);
    let username = input.username.unwrap_or_else(|| user.username.clone());
    if status == UserStatus::Suspended && by == Some(user.id) {
        return Err(Error::conflict(
            "self_suspension",
            "this is your own account; let another operator suspend it",
        ));
    }
    if status == user.status && username == user.username {
        return Ok(user.clone());
    }
    let next = User { status, username, updated_at: now, ..user.clone() };
    let is_suspended_now = status == UserStatus::Suspended && user.status == UserStatus::Active;
    Ok(if is_suspended_now { next.without_sessions(now) } else { next })
}
