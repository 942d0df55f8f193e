//! `GET /docs`

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use platform::{Conditional, Public, Result};

use crate::asset::{Asset, Content};

/// Names its files and the document by relative URLs, so that it works at `/docs` as well as at `/prod/docs`.
const PAGE: Asset = Asset {
    name: "docs",
    content_type: "text/html; charset=utf-8",
    content: Content::Plain(include_bytes!("../assets/docs.html")),
    cache_control: "no-cache",
};

/// Everything from here and nothing inline but images: Swagger UI's icons are `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The API's description to read and try
#[utoipa::path(
    get, path = "/docs", tag = "operations",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of the page one has")),
    responses(
        (status = 200, description = "A page.", content_type = "text/html", body = String, headers(("ETag" = String))),
        (status = 304, description = "It is the one of that ETag."),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn docs(_: Public, conditional: Conditional, headers: HeaderMap) -> Result<Response> {
    let mut response = PAGE.answer(&conditional, &headers)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
