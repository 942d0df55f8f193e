//! `GET /audit/checkpoint`

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use platform::{Public, Result};

use crate::App;

/// The signed head of the log
///
/// How many entries it has, the root of its tree, and the signature of both (C2SP tlog-checkpoint). All that it promises
/// is durable.
#[utoipa::path(
    get, path = "/api/v1/audit/checkpoint", tag = "audit",
    responses(
        (status = 200, description = "The checkpoint.", content_type = "text/plain; charset=utf-8", body = String,
            example = json!("example.com/api/v1/audit\n1\nN/kJQlBUhgnn5ZhkDWkKJTmxAGVLqMVyJKq10LEcGd0=\n\n— example.com/api/v1/audit …\n")),
        (status = 404, description = "The log has no entry yet."),
    ),
    extensions(("x-permission" = json!("public")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_checkpoint(State(app): State<App>, _: Public) -> Result<Response> {
    let head = app.log.head().await?;
    Ok(text(head.checkpoint.clone(), "no-cache"))
}

/// Plain text, as C2SP has it.
pub(crate) fn text(body: String, cache_control: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache_control)),
    ];
    (headers, body).into_response()
}
