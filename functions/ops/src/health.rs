//! `GET /health`

use platform::{Public, View};
use serde::Serialize;
use utoipa::ToSchema;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What runs.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether the process answers
///
/// Asks nothing of anybody else; for that there is `/ready`.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses((status = 200, description = "It does.", body = Health)),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn health(_: Public) -> View<Health> {
    View(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
