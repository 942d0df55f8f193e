//! `POST /auth/register`

use axum::extract::State;
use kernel::{DisplayName, Error, Role, Timestamp, id::TenantId};
use platform::{Create, Created, Guarded, Result, ids};
use store::Change;

use crate::{
    App,
    email::Email,
    mail_token::{self, MailToken, Purpose},
    membership::Membership,
    password::{self, NewPassword, hash::StoredHash},
    tenant::Tenant,
    user::{self, User, UserStatus, UserView},
    username::Username,
};

kernel::input! {
    /// A new account.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"email": "ann@example.com", "username": "ann", "password": "correct horse battery"}))]
    pub(crate) struct Register {
        /// E-mail address; a link to verify it is sent there.
        email: Email,
        /// Username, unique without regard to case.
        username: Username,
        /// Password: 10 to 128 characters, hard to guess.
        #[schema(value_type = String, format = Password, min_length = 10, max_length = 128)]
        password: NewPassword,
    }
}

/// Makes an account and its personal tenant.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "auth", request_body = Register,
    params(("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer")),
    responses(
        (status = 201, description = "The account.", body = UserView, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Passwords are not used here."),
        (status = 409, description = "The e-mail address or the username is taken."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn register(
    State(app): State<App>,
    visitor: Guarded,
    Create(input): Create<Register>,
) -> Result<Created> {
    app.require_password_login()?;
    password::check_policy(&input.password, &input.email, &input.username)
        .map_err(|fault| Error::invalid("/password", fault))?;
    let now = visitor.info.now;
    let password = app.hasher.hash(input.password).await?;
    let user = new_user(input.email, input.username, password, now);
    let token =
        MailToken::issue(ids::new(now), user.id, Purpose::VerifyEmail, &*app.roots.latest().await?, now);

    let change = Change::new("user.register", "user", user.id).in_tenant(user.personal_tenant_id);
    let change = create_with_tenant(change, &user)?;
    let change = mail_token::store::send(change, &token);
    let location = format!("/api/v1/users/{}", user.id);
    Created::commit(app.edge.store(), &visitor.actor, change, &location, &UserView::from(&user)).await
}

/// An account that is about to be made.
pub(crate) fn new_user(email: Email, username: Username, password: StoredHash, now: Timestamp) -> User {
    User {
        id: ids::new(now),
        email,
        username,
        password,
        password_set_at: now,
        status: UserStatus::Active,
        is_operator: false,
        email_verified_at: None,
        personal_tenant_id: ids::new::<TenantId>(now),
        sessions_valid_from: Timestamp::from_millis(0),
        created_at: now,
        updated_at: now,
    }
}

/// Writes a new account with the tenant that belongs to it.
pub(crate) fn create_with_tenant(change: Change, user: &User) -> Result<Change, Error> {
    let name: DisplayName =
        user.username.as_str().parse().map_err(|_| Error::internal("name a tenant", "no name"))?;
    let tenant = Tenant::new(user.personal_tenant_id, name.clone(), true, user.created_at);
    let membership = Membership {
        tenant_id: tenant.id,
        user_id: user.id,
        role: Role::Owner,
        created_at: user.created_at,
        updated_at: user.created_at,
    };
    Ok(user::store::create(change, user)?
        .create(&tenant, Error::internal("create a tenant", "its id exists"))
        .create(&membership, Error::internal("create a membership", "it exists")))
}
