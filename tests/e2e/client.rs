//! A request under construction, and its answer.

use std::{sync::OnceLock, time::Duration};

use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, Request, request},
};

use super::cloud::cloud;

/// Long enough for a function that starts cold while others do.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// A request under construction.
pub(crate) struct Call {
    builder: request::Builder,
    body: Vec<u8>,
}

/// Begins a call to the API.
pub(crate) fn call(method: &str, path: &str) -> Call {
    at(method, &format!("{}{path}", cloud().url))
}

/// Begins a call to any address.
pub(crate) fn at(method: &str, url: &str) -> Call {
    Call { builder: Request::builder().method(method).uri(url), body: Vec::new() }
}

/// Begins a `GET`.
pub(crate) fn get(path: &str) -> Call {
    call("GET", path)
}

/// Begins a `POST`.
pub(crate) fn post(path: &str) -> Call {
    call("POST", path)
}

impl Call {
    /// Adds a header, beside those of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Sends an access token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").raw(body.to_string())
    }

    /// Sends these bytes.
    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The answer of the API, which names the request whatever it is.
    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        let answer = self.fetch();
        assert!(!answer.header("x-request-id").is_empty(), "an answer without X-Request-Id: {answer:?}");
        answer
    }

    /// Any answer.
    #[track_caller]
    pub(crate) fn fetch(self) -> Answer {
        let request = self.builder.body(self.body).expect("a request");
        let asked = format!("{} {}", request.method(), request.uri());
        cloud().witness(request.headers(), request.body());
        let mut response = agent().run(request).unwrap_or_else(|error| panic!("{asked}: {error}"));
        let body = response.body_mut().read_to_vec().unwrap_or_else(|error| panic!("{asked}: {error}"));
        cloud().witness(response.headers(), &body);
        Answer { asked, status: response.status().as_u16(), headers: response.headers().clone(), body }
    }
}

/// Every call has a connection of its own: none waits for another, and none is closed while it is taken up again.
fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(0)
            .timeout_global(Some(ANSWER_MAX));
        config.build().into()
    })
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The answer, which has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}: {body}", self.asked);
        self
    }

    /// The problem document, which has this status.
    #[track_caller]
    pub(crate) fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:groundwork:problem:")));
        problem
    }

    /// The body.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's value, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
