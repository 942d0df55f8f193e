//! `POST /service-accounts`

use axum::extract::State;
use kernel::{DisplayName, Error, Permission, permission::ServiceAccountsWrite};
use platform::{Allowed, Create, Created, Result, ids};
use store::{Change, Stored};

use crate::{
    App,
    membership::GrantableRole,
    service_account::{self, ServiceAccount, ServiceAccountView, credential::ClientSecret},
    tenant::Tenant,
};

kernel::input! {
    /// A new service account.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"name": "Nightly import", "role": "member", "scopes": ["principal:read", "members:read"]}))]
    pub(crate) struct CreateServiceAccount {
        /// What people call it.
        name: DisplayName,
        /// Its role in the tenant: none above the caller's.
        role: GrantableRole,
        /// What of that role it may use: names of permissions, at least one.
        #[schema(value_type = Vec<String>, min_items = 1)]
        scopes: Vec<Permission>,
    }
}

/// Makes a service account in the tenant that the caller acts in.
///
/// The answer has its `client_secret`, which is shown this once. With it, or with a key that is added later, the account
/// gets its tokens from `POST /auth/token`. It has no more powers than the caller.
#[utoipa::path(
    post, path = "/api/v1/service-accounts", tag = "service accounts", request_body = CreateServiceAccount,
    params(("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer")),
    responses(
        (status = 201, description = "The service account, with its secret.", body = ServiceAccountView,
            headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "The caller may not do this, or not give that role or that scope."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn create_service_account(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    Create(input): Create<CreateServiceAccount>,
) -> Result<Created> {
    let store = app.edge.store();
    let role = input.role.get();
    let scopes = service_account::grant(role, &input.scopes, allowed.principal())?;
    let tenant: Option<Stored<Tenant>> = store.get_consistent(&Tenant::key_of(allowed.tenant_id())).await?;
    let tenant = tenant.ok_or(Error::NotFound("tenant"))?;
    let (id, now) = (ids::new(allowed.now()), allowed.now());
    let keys = app.roots.latest().await?;
    let (text, secret) = ClientSecret::issue(ids::new(now), ids::random(), id, &keys, now);
    let account = ServiceAccount {
        id,
        tenant_id: tenant.id,
        name: input.name,
        role,
        scopes,
        secrets: vec![secret],
        keys: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let change = Change::new("service_account.create", "service_account", id)
        .create(&account, Error::internal("create a service account", "its id exists"))
        // A tenant that is erased meanwhile gets none.
        .require(&tenant);
    let client_secret = Some(text.expose().clone());
    let view = ServiceAccountView { client_secret, ..ServiceAccountView::from(&account) };
    let location = format!("/api/v1/service-accounts/{id}");
    Created::commit(store, &allowed.actor, change, &location, &view).await
}
