//! `GET /audit/vkey`

use axum::{extract::State, response::Response};
use platform::{Public, Result};

use crate::{App, get_checkpoint::text};

/// The key that verifies the log's checkpoints
///
/// A verifier key (C2SP signed-note). Whoever has written it down once need not trust this answer again.
#[utoipa::path(
    get, path = "/api/v1/audit/vkey", tag = "audit",
    responses(
        (status = 200, description = "The key.", content_type = "text/plain; charset=utf-8", body = String,
            example = json!("example.com/api/v1/audit+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n")),
        (status = 404, description = "The log has no entry yet."),
    ),
    extensions(("x-permission" = json!("public")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_vkey(State(app): State<App>, _: Public) -> Result<Response> {
    let head = app.log.head().await?;
    Ok(text(format!("{}\n", head.vkey), "public, max-age=3600"))
}
