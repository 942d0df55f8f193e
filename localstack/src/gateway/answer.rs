//! From a function's answer back to HTTP.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::lambda_runtime::StreamResponse;
use serde::Deserialize;

use super::plain;

/// What a REST API wants from a proxy integration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proxied {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Headers of the connection between function and gateway, which the gateway makes anew.
const OWN_HEADERS: [&str; 6] =
    ["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade", "trailer"];

/// The response in a function's JSON, or nothing when it is malformed.
pub(super) fn buffered(json: &[u8]) -> Option<Response> {
    let proxied: Proxied = serde_json::from_slice(json).ok()?;
    let status = StatusCode::from_u16(proxied.status_code).ok()?;
    let body = proxied.body.unwrap_or_default();
    let body = if proxied.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
    let mut response = plain(status, body);
    let single = proxied.headers.into_iter().flatten().map(|(name, value)| (name, vec![value]));
    let multiple = proxied.multi_value_headers.into_iter().flatten();
    for (name, values) in single.chain(multiple) {
        let name = HeaderName::try_from(name).ok()?;
        if OWN_HEADERS.contains(&name.as_str()) {
            continue;
        }
        for value in values {
            response.headers_mut().append(&name, HeaderValue::try_from(value).ok()?);
        }
    }
    Some(response)
}

/// The response of a streaming function, passed on as it is written; nothing when its head is malformed.
pub(super) fn streamed<S>(answer: StreamResponse<S>) -> Option<Response>
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
{
    let StreamResponse { metadata_prelude: head, stream } = answer;
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = head.status_code;
    *response.headers_mut() = head.headers;
    for name in OWN_HEADERS {
        response.headers_mut().remove(name);
    }
    for cookie in head.cookies {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_answer_is_none() {
        for json in [
            "",
            "null",
            "{}",
            r#"{"statusCode": "200"}"#,
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": 200, "body": {"a": 1}}"#,
            r#"{"statusCode": 200, "body": "!", "isBase64Encoded": true}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "multiValueHeaders": {"a": "c"}}"#,
        ] {
            assert!(buffered(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn every_value_of_a_header_arrives() {
        let json = r#"{"statusCode": 201, "headers": {"etag": "\"1\""},
            "multiValueHeaders": {"set-cookie": ["a=1", "b=2"], "content-length": ["999"]}}"#;
        let response = buffered(json.as_bytes()).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert!(
            response.headers().contains_key("etag") && !response.headers().contains_key("content-length")
        );
    }
}
