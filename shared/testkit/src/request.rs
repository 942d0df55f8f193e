//! A request under construction, and its answer.

use std::{future::IntoFuture, pin::Pin};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode},
};
use http_body_util::BodyExt as _;
use lambda_http::{aws_lambda_events::apigw::ApiGatewayProxyRequestContext, request::RequestContext};
use serde_json::Value;
use store::Capacity;

use crate::App;

/// A request under construction; awaiting it sends it.
#[derive(Clone)]
pub struct Call {
    app: App,
    method: String,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    ip: String,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(app: App, method: &str, path: String) -> Self {
        let (method, ip) = (method.to_owned(), "203.0.113.1".to_owned());
        Self { app, method, path, headers: Vec::new(), ip, body: Bytes::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl TryInto<HeaderValue, Error: std::fmt::Debug>) -> Self {
        let (name, value) = (name.parse().expect("a header name"), value.try_into());
        self.headers.push((name, value.expect("a header value")));
        self
    }

    /// Sends an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends an API key.
    #[must_use]
    pub fn api_key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Comes from this address.
    #[must_use]
    pub fn ip(mut self, ip: &str) -> Self {
        ip.clone_into(&mut self.ip);
        self
    }

    /// Sends a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").raw(body.to_string())
    }

    /// Sends these bytes.
    #[must_use]
    pub fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut context = ApiGatewayProxyRequestContext::default();
        context.identity.source_ip = Some(self.ip);
        let request = Request::builder().method(&*self.method).uri(self.path);
        let request =
            self.headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.extension(RequestContext::ApiGatewayV1(context)).body(Body::from(self.body));
        let request = request.expect("a request");
        Box::pin(async move { self.app.answer(request).await })
    }
}

/// A response, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// What it cost in request units: exact while no other request runs on the same function.
    pub consumed: Capacity,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes().to_vec();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            consumed: parts.extensions.get().copied().unwrap_or_default(),
        }
    }

    /// A header's value, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The answer, if it has this status.
    ///
    /// # Panics
    /// When it has not; the message shows the body.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "asserting the status is use enough")]
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "unexpected status; the body is {body}");
        self
    }

    /// The problem document, if it is one of this status with everything that belongs to it.
    ///
    /// # Panics
    /// When it is not; the message shows the body.
    #[track_caller]
    pub fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        for field in ["type", "title", "status", "detail", "instance", "request_id"] {
            assert!(!problem[field].is_null(), "the problem has no {field}: {problem}");
        }
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        problem
    }
}
