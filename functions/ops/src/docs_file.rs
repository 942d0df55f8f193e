//! `GET /docs/{file}`

use axum::{http::HeaderMap, response::Response};
use kernel::Error;
use platform::{Conditional, Path, Public, Result};

use crate::asset::{Asset, Content};

/// Of a vendored file: the page asks for it with its version.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// Swagger UI (see `assets/NOTICE`), and what starts it.
const FILES: [Asset; 4] = [
    Asset {
        name: "swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        content: Content::Gzip(include_bytes!("../assets/swagger-ui.css.gz")),
        cache_control: FOREVER,
    },
    Asset {
        name: "swagger-ui-bundle.js",
        content_type: "text/javascript; charset=utf-8",
        content: Content::Gzip(include_bytes!("../assets/swagger-ui-bundle.js.gz")),
        cache_control: FOREVER,
    },
    Asset {
        name: "favicon-32x32.png",
        content_type: "image/png",
        content: Content::Plain(include_bytes!("../assets/favicon-32x32.png")),
        cache_control: FOREVER,
    },
    Asset {
        name: "docs.js",
        content_type: "text/javascript; charset=utf-8",
        content: Content::Plain(include_bytes!("../assets/docs.js")),
        cache_control: "no-cache",
    },
];

/// A file of the page at `/docs`
#[utoipa::path(
    get, path = "/docs/{file}", tag = "operations",
    params(
        ("file" = String, Path, description = "Its name", example = "swagger-ui.css"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the file one has"),
    ),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/css"), (String = "text/javascript"), (String = "image/png"),
        ), headers(("ETag" = String))),
        (status = 304, description = "It is the one of that ETag."),
        (status = 404, description = "The page has no such file."),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn docs_file(
    _: Public,
    Path(name): Path<String>,
    conditional: Conditional,
    headers: HeaderMap,
) -> Result<Response> {
    let file = FILES.iter().find(|file| file.name == name);
    file.ok_or(Error::NotFound("file"))?.answer(&conditional, &headers)
}
