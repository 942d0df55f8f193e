//! `GET /audit/tile/…`: hashes and entries of the log, as C2SP tlog-tiles has them.
//!
//! Their paths have two to five parts: `tile/<level or entries>/[x<nnn>/]…<nnn>[.p/<width>]`. There is an endpoint for
//! each number of parts, because a REST API has none for any number of them.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use kernel::{Error, permission::AuditVerify};
use platform::{Allowed, Conditional, Path, Result};
use tlog::Resource;

use crate::App;

/// It is the same for ever.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";

async fn answer(app: &App, conditional: &Conditional, path: &str) -> Result<Response> {
    let resource: Resource = path.parse().map_err(|_| Error::NotFound("tile"))?;
    let bytes = app.log.resource(resource).await?;
    let mut response = conditional.answer_with(bytes, "application/octet-stream")?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    Ok(response)
}

/// A tile or a bundle of the log
///
/// A path of two parts: `tile/0/067`. Hashes of 32 bytes each, or entries with their lengths before them.
#[utoipa::path(
    get, path = "/api/v1/audit/tile/{level}/{a}", tag = "audit",
    params(
        ("level" = String, Path, description = "The level, or `entries`"),
        ("a" = String, Path, description = "The first part"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the bytes one has"),
    ),
    responses(
        (status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String))),
        (status = 304, description = "They are those of that ETag.", headers(("ETag" = String))),
    ),
    extensions(("x-permission" = json!("audit:verify")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_tile(
    State(app): State<App>,
    _: Allowed<AuditVerify>,
    conditional: Conditional,
    Path((level, a)): Path<(String, String)>,
) -> Result<Response> {
    answer(&app, &conditional, &format!("tile/{level}/{a}")).await
}

/// A partial or a farther tile
///
/// A path of three parts: `tile/0/067.p/12`. Hashes of 32 bytes each, or entries with their lengths before them.
#[utoipa::path(
    get, path = "/api/v1/audit/tile/{level}/{a}/{b}", tag = "audit",
    params(
        ("level" = String, Path, description = "The level, or `entries`"),
        ("a" = String, Path, description = "The first part"),
        ("b" = String, Path, description = "The second part"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the bytes one has"),
    ),
    responses(
        (status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String))),
        (status = 304, description = "They are those of that ETag.", headers(("ETag" = String))),
    ),
    extensions(("x-permission" = json!("audit:verify")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_tile_2(
    State(app): State<App>,
    _: Allowed<AuditVerify>,
    conditional: Conditional,
    Path((level, a, b)): Path<(String, String, String)>,
) -> Result<Response> {
    answer(&app, &conditional, &format!("tile/{level}/{a}/{b}")).await
}

/// A farther tile
///
/// A path of four parts: `tile/0/x001/067.p/12`. Hashes of 32 bytes each, or entries with their lengths before them.
#[utoipa::path(
    get, path = "/api/v1/audit/tile/{level}/{a}/{b}/{c}", tag = "audit",
    params(
        ("level" = String, Path, description = "The level, or `entries`"),
        ("a" = String, Path, description = "The first part"),
        ("b" = String, Path, description = "The second part"),
        ("c" = String, Path, description = "The third part"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the bytes one has"),
    ),
    responses(
        (status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String))),
        (status = 304, description = "They are those of that ETag.", headers(("ETag" = String))),
    ),
    extensions(("x-permission" = json!("audit:verify")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_tile_3(
    State(app): State<App>,
    _: Allowed<AuditVerify>,
    conditional: Conditional,
    Path((level, a, b, c)): Path<(String, String, String, String)>,
) -> Result<Response> {
    answer(&app, &conditional, &format!("tile/{level}/{a}/{b}/{c}")).await
}

/// The farthest tiles
///
/// A path of five parts: `tile/0/x001/x234/067.p/12`. Hashes of 32 bytes each, or entries with their lengths before them.
#[utoipa::path(
    get, path = "/api/v1/audit/tile/{level}/{a}/{b}/{c}/{d}", tag = "audit",
    params(
        ("level" = String, Path, description = "The level, or `entries`"),
        ("a" = String, Path, description = "The first part"),
        ("b" = String, Path, description = "The second part"),
        ("c" = String, Path, description = "The third part"),
        ("d" = String, Path, description = "The fourth part"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the bytes one has"),
    ),
    responses(
        (status = 200, description = "Its bytes.", content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String))),
        (status = 304, description = "They are those of that ETag.", headers(("ETag" = String))),
    ),
    extensions(("x-permission" = json!("audit:verify")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_tile_4(
    State(app): State<App>,
    _: Allowed<AuditVerify>,
    conditional: Conditional,
    Path((level, a, b, c, d)): Path<(String, String, String, String, String)>,
) -> Result<Response> {
    answer(&app, &conditional, &format!("tile/{level}/{a}/{b}/{c}/{d}")).await
}
