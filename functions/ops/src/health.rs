//! `GET /health`

use platform::{Public, View};
use serde::Serialize;
use utoipa::ToSchema;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "version": "0.1.0"}))]
pub(crate) struct Health {
    /// Always `ok`.
    status: &'static str,
    /// What runs.
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
