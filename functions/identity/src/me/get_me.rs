//! `GET /me`

use axum::{extract::State, response::Response};
use kernel::{Error, PrincipalKind, Role, Timestamp, id::TenantId, permission::PrincipalRead};
use platform::{Allowed, Conditional, Result};
use serde::Serialize;
use store::Stored;
use uuid::Uuid;

use crate::{App, email::Email, user::User, username::Username};

/// Who is asking. What belongs to an account is absent for other kinds of callers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f",
    "role": "owner", "scopes": ["full"], "email": "ann@example.com", "email_verified": true, "username": "ann",
    "created_at": "2026-01-31T12:00:00.000Z"
}))]
pub(crate) struct MeView {
    /// What kind of caller.
    kind: PrincipalKind,
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// The tenant it acts in.
    tenant_id: TenantId,
    /// Its role there.
    role: Role,
    /// What it was narrowed to: `full`, or permissions.
    scopes: Vec<&'static str>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    /// Whether the address was shown to be theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// Username.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Username>,
    /// When the account was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
}

impl MeView {
    /// The view of a caller, with the account behind it if it is a person.
    pub(crate) fn new(principal: &kernel::Principal, user: Option<&User>) -> Self {
        Self {
            kind: principal.kind,
            id: principal.id,
            tenant_id: principal.tenant_id,
            role: principal.role,
            scopes: principal.scopes.names(),
            email: user.map(|user| user.email.clone()),
            email_verified: user.map(|user| user.email_verified_at.is_some()),
            username: user.map(|user| user.username.clone()),
            created_at: user.map(|user| user.created_at),
        }
    }
}

/// Tells who is asking.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that the client has")),
    responses(
        (status = 200, description = "The caller.", body = MeView, headers(("ETag" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("principal:read")))
)]
pub(crate) async fn get_me(
    State(app): State<App>,
    allowed: Allowed<PrincipalRead>,
    conditional: Conditional,
) -> Result<Response> {
    let user: Option<Stored<User>> = match allowed.principal().user_id() {
        Some(id) => app.edge.store().get(&User::key_of(id)).await?,
        None => None,
    };
    if user.is_none() && allowed.principal().kind == PrincipalKind::User {
        return Err(Error::Unauthenticated("the account no longer exists".into()).into());
    }
    conditional.answer(&MeView::new(allowed.principal(), user.as_deref()))
}
