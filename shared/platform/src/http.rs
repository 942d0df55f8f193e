//! What surrounds every handler: request ids, logging, problems, CORS, security headers, panics.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use kernel::{Error, Network, Principal, Quota, Timestamp};
use lambda_http::request::RequestContext;
use store::{Actor, Capacity, idempotency::ClaimSlot};
use tracing::Instrument as _;

use crate::{Edge, Problem, Result, limiter, problem, telemetry::causes};

/// The header that carries the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers that mean one thing: a second one would be read by some and not by others.
const SINGLE: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::IF_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-csrf-token"),
    HeaderName::from_static("x-api-key"),
];

/// What is known of a request before its handler runs.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// Its id.
    pub request_id: Arc<str>,
    /// The client's address, as API Gateway saw it.
    pub ip: Option<IpAddr>,
    /// A pseudonym of that address.
    pub client: Arc<str>,
    /// A pseudonym of its network: what a subscriber has of addresses.
    pub network: Arc<str>,
    /// The client's `User-Agent`, cut to 256 characters.
    pub user_agent: Arc<str>,
    /// When it came.
    pub now: Timestamp,
    /// Where its idempotency claim is kept.
    pub claim: ClaimSlot,
    /// Where it is noted what the caller has left.
    pub(crate) quota: QuotaSlot,
}

/// Holds what a caller has left, once that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuotaSlot(Arc<Mutex<Option<Quota>>>);

impl QuotaSlot {
    pub(crate) fn set(&self, quota: Quota) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
    }

    fn get(&self) -> Option<Quota> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestInfo {
    fn new(edge: &Edge, request: &Request) -> Self {
        let now = edge.clock().now();
        let context = request.extensions().get::<RequestContext>();
        let (ip, gateway_id) = match context {
            Some(RequestContext::ApiGatewayV1(context)) => (
                context.identity.source_ip.as_deref().and_then(|ip| ip.parse().ok()),
                context.request_id.clone(),
            ),
            _ => (None, None),
        };
        let request_id = presented_id(request.headers())
            .or(gateway_id)
            .unwrap_or_else(|| kernel::id::uuid_v7(now, crate::ids::random()).to_string());
        let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let client = ip.map_or_else(|| "unknown".to_owned(), |ip: IpAddr| edge.pseudonym(&ip.to_string()));
        let network = ip.map_or_else(|| "unknown".to_owned(), |ip| Network::from(ip).to_string());
        Self {
            request_id: request_id.into(),
            ip,
            client: client.into(),
            network: edge.pseudonym(&network).into(),
            user_agent: user_agent.unwrap_or_default().chars().take(256).collect::<String>().into(),
            now,
            claim: ClaimSlot::default(),
            quota: QuotaSlot::default(),
        }
    }

    /// The info of a request that came through [`surround`].
    pub(crate) fn of(parts: &Parts) -> Result<Self> {
        let info = parts.extensions.get::<Self>().cloned();
        info.ok_or_else(|| {
            Problem(Error::internal("read the request's info", "the router is not surrounded"))
        })
    }

    /// Who acts in this request.
    pub fn actor(&self, principal: Principal) -> Actor {
        Actor {
            principal,
            request_id: self.request_id.to_string(),
            client: self.ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string()),
            now: self.now,
            claim: self.claim.clone(),
        }
    }
}

/// The client's own request id: 1–128 visible ASCII characters.
fn presented_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_visible = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_visible.then(|| id.to_owned())
}

/// Surrounds a function's routes with everything that is the same for all.
pub fn surround(edge: &Edge, routes: Router) -> Router {
    routes
        .fallback(|| async { Problem(Error::NotFound("endpoint")) })
        .layer(from_fn_with_state(edge.clone(), guard))
        .layer(from_fn_with_state(edge.clone(), cors))
        .layer(from_fn_with_state(edge.clone(), observe))
}

/// Outermost: gives the request its id, the log its line, the response its problem document and headers.
async fn observe(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let info = RequestInfo::new(&edge, &request);
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    // At error level, so that the lines of every level carry the request's id.
    let span = tracing::error_span!(
        "request",
        request_id = %info.request_id,
        method = %request.method(),
        route,
        tenant = tracing::field::Empty,
        principal = tracing::field::Empty,
    );
    request.extensions_mut().insert(info.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    release_claim(&edge, &info).instrument(span.clone()).await;
    let consumed = edge.store().meter().take();
    let duration = edge.clock().now().since(info.now);
    span.in_scope(|| log(&response, duration.as_millis(), consumed));
    response = problem::render(response, &path, &info.request_id);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&info.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(quota) = info.quota.get() {
        limiter::tell(quota, headers);
    }
    secure(headers);
    // Tests hold routes to their budget by it.
    response.extensions_mut().insert(consumed);
    response
}

/// One line per request. Its request units are exact on Lambda, where a function serves one request at a time.
fn log(response: &Response, duration_ms: u128, consumed: Capacity) {
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(duration_ms).unwrap_or(u64::MAX);
    let Capacity { read_units, write_units, .. } = consumed;
    let error = response.extensions().get::<Arc<Error>>();
    match error.map(AsRef::as_ref) {
        Some(error @ (Error::Internal { .. } | Error::Unavailable { .. })) => {
            let error = causes(error);
            tracing::error!(status, duration_ms, read_units, write_units, error, "answered");
        }
        Some(error) => tracing::info!(status, duration_ms, read_units, write_units, %error, "answered"),
        None => tracing::info!(status, duration_ms, read_units, write_units, "answered"),
    }
}

/// A request that ended without recording an answer gives its idempotency key back.
async fn release_claim(edge: &Edge, info: &RequestInfo) {
    if let Some(claim) = info.claim.take()
        && let Err(error) = edge.store().release(claim).await
    {
        let error = causes(&error);
        tracing::warn!(error, "an idempotency key stays claimed until its lease ends");
    }
}

/// Headers of every response (OWASP Secure Headers Project). A handler's own win.
fn secure(headers: &mut HeaderMap) {
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Answers preflights and marks responses for the origins in the configuration (WHATWG Fetch §3.2).
async fn cors(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let is_options = request.method() == Method::OPTIONS;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_allowed = origin
        .as_ref()
        .and_then(|origin| origin.to_str().ok())
        .is_some_and(|origin| edge.config().allowed_origins.allow(origin));
    let mut response =
        if is_options { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin.filter(|_| is_allowed) else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let (name, value) = if is_options {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, if-match, if-none-match, x-api-key, x-csrf-token, x-request-id",
        )
    } else {
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "etag, idempotent-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id",
        )
    };
    headers.insert(name, HeaderValue::from_static(value));
    response
}

/// Innermost: refuses what no handler should see, and keeps a panic to its request.
async fn guard(State(_): State<Edge>, request: Request, next: Next) -> Response {
    if let Some(name) = SINGLE.iter().find(|name| request.headers().get_all(*name).iter().nth(1).is_some()) {
        return Problem(Error::Malformed(format!("the header {name} stands more than once").into()))
            .into_response();
    }
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|panic| {
        let cause = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let cause = cause.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Problem(Error::internal("run a handler", format!("it panicked: {cause}"))).into_response()
    })
}

impl<S: Send + Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::of(parts)
    }
}
