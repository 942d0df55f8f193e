//! `GET /openapi.json`

use axum::{http::HeaderMap, response::Response};
use platform::{Conditional, Public, Result};

use crate::asset::{Asset, Content};

/// The document of all groups, as `cargo xtask sync` writes it.
const DOCUMENT: Asset = Asset {
    name: "openapi.json",
    content_type: "application/json",
    content: Content::Plain(include_bytes!("../../../openapi/openapi.json")),
    cache_control: "public, max-age=300",
};

/// The API's description
///
/// OpenAPI 3.1, of every group.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of the document one has")),
    responses(
        (status = 200, description = "The document.", content_type = "application/json", body = Object, headers(("ETag" = String)),
            example = json!({"openapi": "3.1.0", "info": {"title": "Groundwork", "version": "0.1.0"}, "paths": {}})),
        (status = 304, description = "It is the one of that ETag."),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn openapi_json(
    _: Public,
    conditional: Conditional,
    headers: HeaderMap,
) -> Result<Response> {
    DOCUMENT.answer(&conditional, &headers)
}
