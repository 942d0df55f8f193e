//! `POST /admin/api-keys`

use std::num::NonZeroU32;

use axum::extract::State;
use kernel::{
    DisplayName, Error, Permission, Role, Timestamp, id::TenantId, permission::ApiKeysWrite,
    principal::PrincipalKind,
};
use platform::{Allowed, Create, Created, Result, api_key::ApiKey, ids};
use store::Change;

use super::{NewApiKeyView, location, new_secret};
use crate::{
    App,
    cidr::Cidr,
    policy::{self, PerMinute, RATE_DEFAULT},
};

kernel::input! {
    /// A new API key.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"name": "Nightly export", "scopes": ["members:read"], "rate_per_minute": 60}))]
    pub(crate) struct CreateApiKey {
        /// What people call it.
        name: DisplayName,
        /// The tenant it acts in; the caller's unless told. With the admin secret it has to be told.
        tenant_id: Option<TenantId>,
        /// Its role there: `viewer`, `member` (default) or `admin`.
        role: Option<Role>,
        /// What it is narrowed to; everything that its role may do with a key unless told.
        #[schema(value_type = Option<Vec<String>>)]
        scopes: Option<Vec<Permission>>,
        /// Requests a minute: 60 unless told.
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
        rate_per_minute: Option<PerMinute>,
        /// Requests at once: as many as a minute has unless told.
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
        burst: Option<PerMinute>,
        /// Until when it may be used; forever unless told.
        expires_at: Option<Timestamp>,
        /// Where it may be used from; anywhere unless told.
        #[schema(value_type = Option<Vec<String>>, max_items = 50)]
        cidrs: Option<Vec<Cidr>>,
    }
}

impl CreateApiKey {
    /// The key, without a secret.
    fn decide(self, tenant_id: Option<TenantId>, now: Timestamp) -> Result<ApiKey, Error> {
        let tenant_id = self.tenant_id.or(tenant_id);
        let tenant_id =
            tenant_id.ok_or_else(|| Error::invalid("/tenant_id", "is required with the admin secret"))?;
        let role = policy::role(self.role)?;
        let default = NonZeroU32::new(RATE_DEFAULT).unwrap_or(NonZeroU32::MIN);
        let rate_per_minute = policy::rate(self.rate_per_minute, default);
        Ok(ApiKey {
            id: ids::new(now),
            tenant_id,
            name: self.name.as_str().to_owned(),
            role,
            scopes: policy::scopes(self.scopes, role)?,
            rate_per_minute,
            burst: policy::rate(self.burst, rate_per_minute),
            cidrs: policy::cidrs(self.cidrs.unwrap_or_default())?,
            expires_at: self.expires_at.map(|at| policy::expiry(at, now)).transpose()?,
            secrets: Vec::new(),
            created_at: now,
            updated_at: now,
        })
    }
}

/// Makes an API key.
///
/// Its text is in this answer and nowhere else: only a keyed hash of it is kept. Under an `Idempotency-Key` the same
/// answer is given again for a day.
#[utoipa::path(
    post, path = "/api/v1/admin/api-keys", tag = "api keys", request_body = CreateApiKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer")),
    responses((status = 201, description = "The key, with its secret.", body = NewApiKeyView, headers(("Location" = String), ("ETag" = String)))),
    extensions(("x-permission" = json!("api_keys:write")))
)]
pub(crate) async fn create_api_key(
    State(app): State<App>,
    allowed: Allowed<ApiKeysWrite>,
    Create(input): Create<CreateApiKey>,
) -> Result<Created> {
    // Whoever holds the admin secret acts in no tenant.
    let is_in_tenant = allowed.principal().kind != PrincipalKind::Administrator;
    let mut key = input.decide(is_in_tenant.then(|| allowed.tenant_id()), allowed.now())?;
    let (text, sealed) = new_secret(&app.edge, key.id).await?;
    key.secrets.push(sealed);
    let no_tenant = Error::invalid("/tenant_id", "there is no such tenant");
    let change = Change::new("api_key.create", "api_key", key.id).in_tenant(key.tenant_id);
    let change = key.create(change, no_tenant);
    let view = NewApiKeyView::new(&key, &text);
    Created::commit(app.edge.store(), &allowed.actor, change, &location(key.id), &view).await
}
