//! What the gateway answers itself.

use axum::response::Response;
use cloud::template::{Api, GatewayResponse, Mock};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{Asked, plain};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The gateway responses that can occur here, with the status AWS gives each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No resource, or no method on it.
    MissingAuthenticationToken,
    Throttled,
    /// The request line and headers; AWS refuses them before the API, so no template has a word for it.
    HeadersTooLarge,
    RequestTooLarge,
    UnsupportedMediaType,
    BadRequest,
    IntegrationTimeout,
    IntegrationFailure,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::Throttled => "THROTTLED",
            Self::HeadersTooLarge | Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BadRequest => "BAD_REQUEST_PARAMETERS",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::IntegrationFailure => "INTEGRATION_FAILURE",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::MissingAuthenticationToken => StatusCode::FORBIDDEN,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::IntegrationTimeout | Self::IntegrationFailure => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// Renders the gateway's own answers to one request.
pub(super) struct Own<'g> {
    api: &'g Api,
    asked: &'g Asked<'g>,
}

impl<'g> Own<'g> {
    pub(super) fn new(api: &'g Api, asked: &'g Asked<'g>) -> Self {
        Self { api, asked }
    }

    /// The template's gateway response of that kind, else its default for the class, else AWS's own.
    pub(super) fn response(&self, kind: Kind) -> Response {
        if kind == Kind::HeadersTooLarge {
            return self.headers_too_large();
        }
        let default = if kind.status().is_server_error() { "DEFAULT_5XX" } else { "DEFAULT_4XX" };
        let responses = &self.api.gateway_responses;
        if let Some(declared) = responses.get(kind.name()).or_else(|| responses.get(default)) {
            return self.declared(kind, declared);
        }
        let mut response = plain(kind.status(), json!({ "message": kind.name() }).to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn declared(&self, kind: Kind, declared: &GatewayResponse) -> Response {
        let status = declared.status.and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(kind.status());
        let (media_type, template) = declared
            .templates
            .iter()
            .next()
            .map_or(("application/json", ""), |(m, t)| (m.as_str(), t.as_str()));
        let mut response = plain(status, self.render(template, status));
        if let Ok(value) = HeaderValue::from_str(media_type) {
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        self.map_headers(&mut response, declared.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        response
    }

    /// What a mock integration answers.
    pub(super) fn mock(&self, mock: &Mock) -> Response {
        let sent = self.asked.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let sent = sent.and_then(|s| s.split(';').next()).map_or("application/json", str::trim);
        if !mock.media_types.iter().any(|m| m.eq_ignore_ascii_case(sent)) {
            return self.response(Kind::UnsupportedMediaType);
        }
        let status = mock.status.to_string();
        let chosen = mock.responses.get(&status).or_else(|| mock.responses.get("default"));
        let Some(chosen) = chosen else {
            return self.response(Kind::IntegrationFailure);
        };
        let status = StatusCode::from_u16(chosen.status).unwrap_or(StatusCode::OK);
        let template = chosen.templates.values().next().map_or("", String::as_str);
        let mut response = plain(status, self.render(template, status));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.map_headers(&mut response, chosen.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        response
    }

    fn headers_too_large(&self) -> Response {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let problem = json!({
            "type": "urn:groundwork:problem:headers-too-large",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": "The request line and headers together are longer than 10240 bytes.",
            "instance": self.asked.uri.path(),
            "request_id": self.asked.gateway_id,
        });
        let mut response = plain(status, problem.to_string());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Ok(id) = HeaderValue::from_str(&self.asked.gateway_id) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }

    fn map_headers<'v>(&self, response: &mut Response, mapped: impl Iterator<Item = (&'v str, &'v str)>) {
        for (name, expression) in mapped {
            let value = match expression.strip_prefix('\'').and_then(|e| e.strip_suffix('\'')) {
                Some(text) => Some(text.to_owned()),
                None => {
                    expression.strip_prefix("context.").and_then(|name| self.context(name, response.status()))
                }
            };
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            if let (Ok(name), Some(value)) = (HeaderName::try_from(name), value) {
                response.headers_mut().insert(name, value);
            }
        }
    }

    /// Fills in `$context.…`, escaped for JSON.
    fn render(&self, template: &str, status: StatusCode) -> String {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("$context.") {
            out.push_str(before);
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(after.len());
            // A full stop ends a sentence, not a name.
            let name = after[..end].trim_end_matches('.');
            let value = self.context(name, status).unwrap_or_default();
            let quoted = Value::from(value).to_string();
            out.push_str(&quoted[1..quoted.len() - 1]);
            rest = &after[name.len()..];
        }
        out.push_str(rest);
        out
    }

    fn context(&self, name: &str, status: StatusCode) -> Option<String> {
        match name {
            // The gateway's own: AWS does not look at a client's header, as the functions do.
            "requestId" | "extendedRequestId" => Some(self.asked.gateway_id.clone()),
            "path" => Some(self.asked.uri.path().to_owned()),
            "httpMethod" => Some(self.asked.method.to_string()),
            "stage" => Some(self.api.stage.clone()),
            "status" => Some(status.as_u16().to_string()),
            "identity.sourceIp" => Some(self.asked.source.to_string()),
            "error.message" => status.canonical_reason().map(str::to_owned),
            _ => None,
        }
    }
}

/// Every response carries the gateway's own id.
pub(super) fn stamp(response: &mut Response, asked: &Asked<'_>) {
    if let Ok(id) = HeaderValue::from_str(&asked.gateway_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
}
