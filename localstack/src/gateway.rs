//! API Gateway, as `template.yaml` describes it.
//!
//! A request is routed, throttled and turned into the JSON event a REST API hands to Lambda; the function's
//! JSON answer is taken apart again. What the gateway answers itself — unknown paths, wrong methods,
//! throttling, failures — comes from the template's gateway responses and mock integrations.

mod answer;
mod event;
mod own;
mod route;
mod server;
mod throttle;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use cloud::template::{Api, Integration};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service as _};
use platform::Function;
use tokio::time::Instant;

use crate::invoke::{self, Failed, Functions, Loaded};
use own::{Kind, Own};
use route::{Matched, Routes};
use throttle::Throttles;

pub use server::serve;

/// API Gateway takes no larger body.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// So much more of a body that is too large is read before it is refused, and for so long.
const DISCARD_BYTES_MAX: usize = 32 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Lambda takes no larger event and gives no larger buffered answer.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// API Gateway takes no more header bytes.
const HEADER_BYTES_MAX: usize = 10_240;
/// API Gateway waits no longer for a buffered answer.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The gateway of one API.
pub struct Gateway {
    api: Api,
    routes: Routes,
    throttles: Option<Throttles>,
    functions: Functions,
}

/// A route of the template and its function do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template.yaml: {path}: {function} {fault}; run `cargo xtask sync`, or correct `endpoints!`")]
pub struct Mismatch {
    path: String,
    function: String,
    fault: &'static str,
}

/// What is known about a request before anything answers it.
struct Asked<'r> {
    /// The id API Gateway gives each request.
    gateway_id: String,
    method: &'r http::Method,
    uri: &'r http::Uri,
    headers: &'r HeaderMap,
    source: IpAddr,
}

/// Reads the rest of a body and forgets it. Most clients read no answer while they write: closing on them would be a
/// broken connection instead of a 413.
async fn discard<B: hyper::body::Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let all = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DISCARD_BYTES_MAX {
                return;
            }
        }
    };
    // A client that takes longer has to live with it.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, all).await;
}

impl Gateway {
    /// A gateway before `functions`; `throttled` says whether the template's throttles hold.
    ///
    /// # Errors
    /// When a route does not fit its function.
    pub fn new(api: Api, functions: Functions, throttled: bool) -> Result<Self, Mismatch> {
        check(&api.routes, &functions)?;
        Ok(Self {
            routes: Routes::new(&api.routes),
            throttles: throttled.then(|| Throttles::new(&api)),
            functions,
            api,
        })
    }

    /// Answers one request that came from `source`.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>, source: IpAddr) -> Response
    where
        B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let (parts, body) = request.into_parts();
        let asked = Asked {
            gateway_id: uuid::Uuid::new_v4().to_string(),
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            source,
        };
        let mut response = match self.admit(&asked) {
            Ok(matched) => self.integrate(&asked, &matched, body).await,
            Err(refusal) => Own::new(&self.api, &asked).response(refusal),
        };
        own::stamp(&mut response, &asked);
        response
    }

    /// Everything that is decided before the body is read.
    fn admit(&self, asked: &Asked<'_>) -> Result<Matched<'_>, Kind> {
        if event::header_bytes(asked) > HEADER_BYTES_MAX {
            return Err(Kind::HeadersTooLarge);
        }
        if !event::host_is_sound(asked) {
            return Err(Kind::BadRequest);
        }
        let matched = self.routes.find(asked.uri.path(), asked.method.as_str());
        let matched = matched.ok_or(Kind::MissingAuthenticationToken)?;
        let throttles = self.throttles.as_ref();
        if throttles.is_none_or(|t| t.admit(matched.resource, asked.method.as_str(), now())) {
            Ok(matched)
        } else {
            Err(Kind::Throttled)
        }
    }

    async fn integrate<B>(&self, asked: &Asked<'_>, matched: &Matched<'_>, body: B) -> Response
    where
        B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let own = Own::new(&self.api, asked);
        let mut body = std::pin::pin!(body);
        let whole = match Limited::new(body.as_mut(), BODY_BYTES_MAX).collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                discard(body).await;
                return own.response(Kind::RequestTooLarge);
            }
            Err(_) => return own.response(Kind::BadRequest),
        };
        match matched.integration {
            Integration::Mock(mock) => own.mock(mock),
            Integration::Function { function, .. } => match self.functions.get(function) {
                Some(loaded) => self.invoke(asked, matched, loaded, &whole).await,
                None => own.response(Kind::IntegrationFailure),
            },
        }
    }

    async fn invoke(
        &self,
        asked: &Asked<'_>,
        matched: &Matched<'_>,
        loaded: &Loaded,
        body: &Bytes,
    ) -> Response {
        let own = Own::new(&self.api, asked);
        let event = event::proxy(&self.api, asked, matched, body).to_string();
        if event.len() > PAYLOAD_BYTES_MAX {
            return own.response(Kind::RequestTooLarge);
        }
        let payload = match event::received(&event) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(function = loaded.declared.binary, %error, "the event was not understood");
                return own.response(Kind::IntegrationFailure);
            }
        };
        let limit = loaded.declared.timeout;
        let limit = if streams(&loaded.function) { limit } else { limit.min(INTEGRATION_TIMEOUT) };
        match call(&loaded.function, payload, limit).await {
            Ok(Some(response)) => response,
            Ok(None) => own.response(Kind::IntegrationFailure),
            Err(error) => {
                let (function, path) = (&loaded.declared.binary, asked.uri.path());
                tracing::error!(function, path, %error, "an invocation failed");
                own.response(failure(&error, loaded.declared.timeout))
            }
        }
    }
}

/// Whether it answers with bodies that are still being written.
fn streams(function: &Function) -> bool {
    matches!(function, Function::HttpStreaming(_))
}

/// Requires of each route that its function is one for HTTP, and answers in the mode that the template tells AWS.
fn check(routes: &[cloud::template::Route], functions: &Functions) -> Result<(), Mismatch> {
    for route in routes {
        for integration in route.methods.values() {
            let Integration::Function { function: name, streams: declared } = integration else {
                continue;
            };
            let mismatch = |fault| Mismatch { path: route.path.clone(), function: name.clone(), fault };
            match functions.get(name).map(|loaded| &loaded.function) {
                Some(function @ (Function::Http(_) | Function::HttpStreaming(_))) => {
                    match (declared, streams(function)) {
                        (true, false) => return Err(mismatch("answers at once, and the route says STREAM")),
                        (false, true) => return Err(mismatch("streams, and the route does not say STREAM")),
                        _ => {}
                    }
                }
                Some(_) => return Err(mismatch("takes no HTTP requests")),
                None => return Err(mismatch("does not run")),
            }
        }
    }
    Ok(())
}

/// Invokes an HTTP function; nothing when what it answers is no response.
async fn call(
    function: &Function,
    payload: LambdaRequest,
    limit: Duration,
) -> Result<Option<Response>, Failed> {
    let event = LambdaEvent::new(payload, Context::default());
    // A router is always ready, so the services need not be asked first. They are called inside the
    // invocation because reading an event can panic as well.
    match function.clone() {
        Function::Http(router) => {
            let invocation = async move {
                let answer = platform::function::buffered(router).call(event);
                answer.await.ok().and_then(|answer| serde_json::to_vec(&answer).ok())
            };
            let json = invoke::run(limit, invocation).await?.filter(|json| json.len() <= PAYLOAD_BYTES_MAX);
            Ok(json.and_then(|json| answer::buffered(&json)))
        }
        Function::HttpStreaming(router) => {
            let invocation = async move {
                let answer = platform::function::streaming(router).call(event);
                answer.await
            };
            Ok(invoke::run(limit, invocation).await?.ok().and_then(answer::streamed))
        }
        Function::Sqs(_) | Function::Stream(_) | Function::Schedule(_) | Function::Rotation(_) => Ok(None),
    }
}

/// What API Gateway makes of an invocation that gave no answer. A function that reaches its own limit has failed; only
/// where the gateway waits no longer has it run out of time.
fn failure(error: &Failed, own_limit: Duration) -> Kind {
    match error {
        Failed::TimedOut(after) if *after < own_limit => Kind::IntegrationTimeout,
        Failed::TimedOut(_) | Failed::Panicked(_) => Kind::IntegrationFailure,
    }
}

#[expect(clippy::disallowed_methods, reason = "the gateway is AWS's side: it keeps its own time")]
fn now() -> Instant {
    Instant::now()
}

fn plain(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_gateway_gives_up_has_timed_out() {
        let (short, long) = (Duration::from_secs(10), Duration::from_mins(15));
        for (error, own_limit, kind) in [
            (Failed::TimedOut(short), short, Kind::IntegrationFailure),
            (Failed::TimedOut(INTEGRATION_TIMEOUT), long, Kind::IntegrationTimeout),
            (Failed::Panicked(String::new()), long, Kind::IntegrationFailure),
        ] {
            assert_eq!(failure(&error, own_limit), kind, "{error}");
        }
    }
}
