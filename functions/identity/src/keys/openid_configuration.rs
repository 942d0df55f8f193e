//! `GET /.well-known/openid-configuration`

use axum::{extract::State, response::Response};
use platform::{
    Conditional, Public, Result,
    keys::{Jwks, KeyAlgorithm},
};
use serde::Serialize;

use crate::{
    App,
    auth::token,
    token_request::{AUTH_METHODS, CLIENT_CREDENTIALS, JWT_BEARER},
};

/// What a verifier of our tokens needs, and a service account that asks for one (OpenID Connect Discovery 1.0 §3,
/// RFC 8414 §2). It names no endpoint that is not there: people log in at our own one, which is none of OAuth's.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "issuer": "https://api.example.com", "jwks_uri": "https://api.example.com/.well-known/jwks.json",
    "token_endpoint": "https://api.example.com/api/v1/auth/token", "response_types_supported": [],
    "grant_types_supported": ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256", "RS256"], "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["EdDSA"], "service_documentation": "https://api.example.com/docs"
}))]
pub(crate) struct OpenidConfiguration {
    /// `iss` of our tokens.
    issuer: String,
    /// Where their keys are.
    jwks_uri: String,
    /// OAuth's response types: none. The field is required, and its default would claim some.
    response_types_supported: [&'static str; 0],
    /// Where service accounts get their tokens.
    token_endpoint: String,
    /// OAuth's grants: those of service accounts.
    grant_types_supported: [&'static str; 2],
    /// How service accounts show who they are.
    token_endpoint_auth_methods_supported: [&'static str; 3],
    /// The algorithms of their assertions.
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
    /// `sub` is the same for everybody.
    subject_types_supported: [&'static str; 1],
    /// The algorithms that tokens are signed with.
    id_token_signing_alg_values_supported: Vec<KeyAlgorithm>,
    /// For people.
    service_documentation: String,
}

impl OpenidConfiguration {
    fn new(public_url: &str, keys: &Jwks) -> Self {
        let mut algorithms = Vec::new();
        for key in &keys.keys {
            if !algorithms.contains(&key.alg) {
                algorithms.push(key.alg);
            }
        }
        Self {
            issuer: public_url.to_owned(),
            jwks_uri: format!("{public_url}/.well-known/jwks.json"),
            response_types_supported: [],
            token_endpoint: format!("{public_url}{}", token::PATH),
            grant_types_supported: [CLIENT_CREDENTIALS, JWT_BEARER],
            token_endpoint_auth_methods_supported: AUTH_METHODS,
            token_endpoint_auth_signing_alg_values_supported: ["EdDSA", "ES256", "RS256"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms,
            service_documentation: format!("{public_url}/docs"),
        }
    }
}

/// Shows who issues tokens and how they are signed.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "keys",
    params(
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
        ("If-Modified-Since" = Option<String>, Header, description = "The Last-Modified that the client has"),
    ),
    responses(
        (status = 200, description = "The configuration.", body = OpenidConfiguration,
            headers(("ETag" = String), ("Last-Modified" = String), ("Cache-Control" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn openid_configuration(
    State(app): State<App>,
    _: Public,
    conditional: Conditional,
) -> Result<Response> {
    let (vault, now) = (app.signing.vault(), app.edge.clock().now());
    let published = vault.published().await?;
    let view = OpenidConfiguration::new(app.edge.config().public_url.as_str(), &published.jwks_at(now));
    // What it says follows from the key set and from the configuration, which was read at the start.
    let modified_at = published.modified_at(now).max(app.started_at);
    let publication = app.publishing.of("application/json", vault.policy().max_age, modified_at);
    conditional.publish(&view, &publication)
}
