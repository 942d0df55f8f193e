//! Problem documents (RFC 9457): the one mapping from [`Error`] to a response.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kernel::{Error, Fault, oauth};
use serde::Serialize;

/// A handler's result.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// An error on its way out. The response it makes is empty; [`render`] writes the body, once, at the boundary, where
/// the request is known.
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = describe(&self.0).status.into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

/// What a problem says, before the request is known.
struct Description {
    status: StatusCode,
    slug: &'static str,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Description {
    fn new(status: StatusCode, slug: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, slug, detail: detail.into(), retry_after: None }
    }

    fn retry_after(self, duration: Duration) -> Self {
        Self { retry_after: Some(duration), ..self }
    }
}

/// The one exhaustive mapping. Causes stay inside.
fn describe(error: &Error) -> Description {
    match error {
        Error::Malformed(detail) => {
            Description::new(StatusCode::BAD_REQUEST, "malformed-request", detail.clone())
        }
        Error::Invalid(_) => Description::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-input",
            "see `errors` for what to mend",
        ),
        Error::Unauthenticated(detail) => {
            Description::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail.clone())
        }
        Error::OAuth { code, detail } => {
            let (status, slug) = refusal(*code);
            Description::new(status, slug, detail.clone())
        }
        Error::Forbidden(detail) => Description::new(StatusCode::FORBIDDEN, "forbidden", detail.clone()),
        Error::NotFound(what) => {
            Description::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
        }
        Error::Conflict { rule, detail } => {
            Description::new(StatusCode::CONFLICT, "conflict", format!("{detail} (rule: {rule})"))
        }
        Error::InProgress { retry_after } => {
            let detail = "the same request is being carried out; ask again";
            Description::new(StatusCode::CONFLICT, "in-progress", detail).retry_after(*retry_after)
        }
        Error::PreconditionFailed => {
            let detail = "it has changed since the ETag in If-Match; read it again";
            Description::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail)
        }
        Error::TooLarge { limit_bytes } => {
            let detail = format!("at most {limit_bytes} bytes are taken");
            Description::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        }
        Error::UnsupportedMediaType { expected } => {
            let detail = format!("send {expected}");
            Description::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
        }
        Error::TooManyRequests { retry_after } => {
            let detail = "too many requests; Retry-After says when to come back";
            Description::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
                .retry_after(*retry_after)
        }
        Error::Unavailable { .. } => {
            let detail = "something this depends on does not answer; try again";
            Description::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                .retry_after(Duration::from_secs(1))
        }
        Error::Internal { .. } => {
            let detail = "this is our fault; the request id helps us to find it";
            Description::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        }
    }
}

/// The status and the kind of a token endpoint's refusal (RFC 6749 §5.2).
const fn refusal(code: oauth::Code) -> (StatusCode, &'static str) {
    match code {
        oauth::Code::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid-request"),
        oauth::Code::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid-client"),
        oauth::Code::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid-grant"),
        oauth::Code::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported-grant-type"),
        oauth::Code::InvalidScope => (StatusCode::BAD_REQUEST, "invalid-scope"),
    }
}

/// How to say who one is (RFC 9110 §11.6.1): a client of a token endpoint by its secret, everybody else by a token.
fn challenge(error: Option<&Error>) -> &'static str {
    match error {
        Some(Error::OAuth { .. }) => "Basic realm=\"groundwork\", charset=\"UTF-8\"",
        _ => "Bearer",
    }
}

/// A problem document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "type": "urn:groundwork:problem:invalid-input", "title": "Unprocessable Entity", "status": 422,
    "detail": "see `errors` for what to mend", "instance": "/api/v1/auth/register",
    "request_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
    "errors": [{"pointer": "/email", "detail": "is required"}]
}))]
pub struct ProblemDocument {
    /// What kind of problem: `urn:groundwork:problem:<kind>`.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what to do.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The request, as in `X-Request-Id`.
    pub request_id: String,
    /// Every fault of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FaultDocument>,
    /// At a token endpoint, what OAuth calls it (RFC 6749 §5.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// At a token endpoint, the same as `detail`, where OAuth's clients look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}

impl ProblemDocument {
    /// The document of an error.
    pub(crate) fn of(error: &Error, instance: &str, request_id: &str) -> Self {
        Self { errors: faults(error), ..Self::new(&describe(error), instance, request_id) }.in_oauth(error)
    }

    /// In OAuth's words as well, if it is one of its errors.
    fn in_oauth(self, error: &Error) -> Self {
        match error {
            Error::OAuth { code, .. } => {
                Self { error: Some(code.name()), error_description: Some(self.detail.clone()), ..self }
            }
            _ => self,
        }
    }

    fn new(description: &Description, instance: &str, request_id: &str) -> Self {
        Self {
            r#type: format!("urn:groundwork:problem:{}", description.slug),
            title: description.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: description.status.as_u16(),
            detail: description.detail.clone().into_owned(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: Vec::new(),
            error: None,
            error_description: None,
        }
    }
}

/// One fault of the input.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"pointer": "/email", "detail": "is required"}))]
pub struct FaultDocument {
    /// JSON Pointer into the body (RFC 6901), or the name of a parameter or header.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl From<&Fault> for FaultDocument {
    fn from(fault: &Fault) -> Self {
        Self { pointer: fault.pointer.clone(), detail: fault.detail.clone().into_owned() }
    }
}

fn faults(error: &Error) -> Vec<FaultDocument> {
    match error {
        Error::Invalid(faults) => faults.iter().map(FaultDocument::from).collect(),
        _ => Vec::new(),
    }
}

/// Writes the problem document of a response that carries an error, or that is one without saying so (the router's
/// own 405). Others pass.
pub(crate) fn render(response: Response, instance: &str, request_id: &str) -> Response {
    let status = response.status();
    let error = response.extensions().get::<Arc<Error>>().cloned();
    if error.is_none()
        && (!status.is_client_error() && !status.is_server_error() || has_body_of_its_own(&response))
    {
        return response;
    }
    let error = error.as_deref();
    let description = error.map_or_else(|| plain(status), describe);
    let document = match error {
        Some(error) => ProblemDocument::of(error, instance, request_id),
        None => ProblemDocument::new(&description, instance, request_id),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    parts.headers.remove(header::CONTENT_LENGTH);
    if status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge(error)));
    }
    if let Some(wait) = description.retry_after {
        // Rounded up: retrying at that second succeeds.
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        parts
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
    }
    let body = serde_json::to_vec(&document).unwrap_or_default();
    Response::from_parts(parts, Body::from(body))
}

fn has_body_of_its_own(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/"))
}

/// A status nobody gave a reason for.
fn plain(status: StatusCode) -> Description {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Description::new(status, "method-not-allowed", "this path does not take that method; see Allow")
        }
        _ => Description::new(status, "http", status.canonical_reason().unwrap_or("error")),
    }
}
