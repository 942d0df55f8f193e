//! `GET /.well-known/jwks.json`

use axum::{extract::State, response::Response};
use platform::{Conditional, Public, Result, keys::Jwks};

use crate::App;

/// The media type of a key set (RFC 7517 §8.5.2).
const JWK_SET: &str = "application/jwk-set+json";

/// Shows the public keys.
///
/// Every key that a token could still be signed with, and the next one.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys",
    params(
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has"),
        ("If-Modified-Since" = Option<String>, Header, description = "The Last-Modified that the client has"),
    ),
    responses(
        (status = 200, description = "The key set.", body = Jwks, content_type = "application/jwk-set+json",
            headers(("ETag" = String), ("Last-Modified" = String), ("Cache-Control" = String))),
        (status = 304, description = "The client has it."),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn jwks(State(app): State<App>, _: Public, conditional: Conditional) -> Result<Response> {
    let (vault, now) = (app.signing.vault(), app.edge.clock().now());
    let published = vault.published().await?;
    let publication = app.publishing.of(JWK_SET, vault.policy().max_age, published.modified_at(now));
    conditional.publish(&published.jwks_at(now), &publication)
}
