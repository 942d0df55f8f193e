//! `GET /ready`

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use platform::{Public, View};

use crate::readiness::{Readiness, Report, ReportStatus};

/// Whether requests can be served
///
/// Asks each dependency, for one second at most; the answer stands for 5 s.
#[utoipa::path(
    get, path = "/ready", tag = "operations",
    responses(
        (status = 200, description = "Every dependency answers.", body = Report),
        (status = 503, description = "One does not.", body = Report),
    ),
    extensions(("x-permission" = json!("public")))
)]
pub(crate) async fn ready(_: Public, State(readiness): State<Readiness>) -> Response {
    let report = readiness.report().await;
    let status = match report.status {
        ReportStatus::Ready => StatusCode::OK,
        ReportStatus::Degraded => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, View(report)).into_response()
}
