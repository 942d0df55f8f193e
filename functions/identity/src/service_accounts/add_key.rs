//! `POST /service-accounts/{id}/keys`

use axum::extract::State;
use kernel::{id::ServiceAccountId, permission::ServiceAccountsWrite};
use platform::{Allowed, Create, Created, Path, Result};

use super::change;
use crate::{
    App,
    service_account::{
        credential::{KeyView, UploadedKey},
        store::find,
    },
};

kernel::input! {
    /// A new public key.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"jwk": {
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "import-1"
    }}))]
    pub(crate) struct AddKey {
        /// The key as a JWK (RFC 7517): Ed25519, P-256 for ES256, or RSA of 2048 bits or more for RS256. `kid` names it
        /// in assertions; without one it goes by its thumbprint.
        #[schema(value_type = Object)]
        jwk: UploadedKey,
    }
}

/// Adds a public key, with whose private half the service account signs assertions (`private_key_jwt`).
///
/// A key with a private part is refused: whoever sends one should make another.
#[utoipa::path(
    post, path = "/api/v1/service-accounts/{id}/keys", tag = "service accounts", request_body = AddKey,
    params(
        ("id" = ServiceAccountId, Path, description = "The service account"),
        ("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer"),
    ),
    responses(
        (status = 201, description = "The key.", body = KeyView, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "The caller may not do this, or the account may do more than the caller."),
        (status = 409, description = "It has that key or that kid (rule `key_exists`), ten keys (rule `too_many_keys`), or somebody else changed it at the same time."),
    ),
    extensions(("x-permission" = json!("service_accounts:write")))
)]
pub(crate) async fn add_key(
    State(app): State<App>,
    allowed: Allowed<ServiceAccountsWrite>,
    Path(id): Path<ServiceAccountId>,
    Create(input): Create<AddKey>,
) -> Result<Created> {
    let store = app.edge.store();
    let account = find(store, allowed.principal(), id).await?;
    account.require_within(allowed.principal())?;
    let key = input.jwk.adopt(allowed.now());
    let view = KeyView::from(&key);
    let location = format!("/api/v1/service-accounts/{id}/keys/{}", key.id);
    let change = change("service_account.add_key", &account, &account.with_key(key, allowed.now())?);
    Created::commit(store, &allowed.actor, change, &location, &view).await
}
