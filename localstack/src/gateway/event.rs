//! From HTTP to the event a REST API hands to Lambda (payload version 1.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cloud::template::Api;
use http::header;
use lambda_http::request::LambdaRequest;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Asked;
use super::route::Matched;

/// The event.
pub(super) fn proxy(api: &Api, asked: &Asked<'_>, matched: &Matched<'_>, body: &Bytes) -> Value {
    let (headers, multi_value_headers) = headers(asked);
    let (query, multi_value_query) = query(asked.uri.query().unwrap_or_default());
    let is_base64 = !body.is_empty() && is_binary(api, asked);
    let body = match body {
        body if body.is_empty() => Value::Null,
        body if is_base64 => STANDARD.encode(body).into(),
        body => String::from_utf8_lossy(body).into(),
    };
    let variables: Map<String, Value> =
        matched.variables.iter().map(|(name, value)| (name.clone(), decode(value).into())).collect();
    json!({
        "resource": matched.resource,
        "path": asked.uri.path(),
        "httpMethod": asked.method.as_str(),
        "headers": headers,
        "multiValueHeaders": multi_value_headers,
        "queryStringParameters": or_null(query),
        "multiValueQueryStringParameters": or_null(multi_value_query),
        "pathParameters": or_null(variables),
        "stageVariables": null,
        "requestContext": context(api, asked, matched),
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

fn context(api: &Api, asked: &Asked<'_>, matched: &Matched<'_>) -> Value {
    let now = now();
    let format = format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    let user_agent = asked.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    json!({
        "accountId": "123456789012",
        "apiId": "local",
        "resourceId": "local",
        "resourcePath": matched.resource,
        "path": format!("/{}{}", api.stage, asked.uri.path()),
        "httpMethod": asked.method.as_str(),
        "protocol": "HTTP/1.1",
        "stage": api.stage,
        "domainName": host(asked),
        "domainPrefix": "local",
        "requestId": asked.gateway_id,
        "extendedRequestId": asked.gateway_id,
        "requestTime": now.format(format).unwrap_or_default(),
        "requestTimeEpoch": i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
        "identity": {
            "accessKey": null, "accountId": null, "apiKey": null, "apiKeyId": null, "caller": null,
            "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null, "cognitoIdentityId": null,
            "cognitoIdentityPoolId": null, "principalOrgId": null, "user": null, "userArn": null,
            "sourceIp": asked.source.to_string(),
            "userAgent": user_agent,
        },
    })
}

/// Reads the event as the function's runtime does.
pub(super) fn received(event: &str) -> serde_json::Result<LambdaRequest> {
    serde_json::from_str(event)
}

/// `headers` with the last value of each name, `multiValueHeaders` with all. What the gateway itself knows
/// better than the client replaces what the client claims.
fn headers(asked: &Asked<'_>) -> (Map<String, Value>, Map<String, Value>) {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in asked.headers {
        // Header values are bytes, events are text: bytes beyond ASCII are read as Latin-1, as API Gateway
        // does.
        let value: String = value.as_bytes().iter().map(|b| char::from(*b)).collect();
        all.entry(name.as_str()).or_default().push(value);
    }
    let source = asked.source.to_string();
    let forwarded = match all.get("x-forwarded-for").and_then(|v| v.last()) {
        Some(claimed) => format!("{claimed}, {source}"),
        None => source,
    };
    let port = host(asked).rsplit(':').next().and_then(|p| p.parse::<u16>().ok()).unwrap_or(80);
    all.insert("host", vec![host(asked)]);
    all.insert("x-forwarded-for", vec![forwarded]);
    all.insert("x-forwarded-proto", vec!["http".to_owned()]);
    all.insert("x-forwarded-port", vec![port.to_string()]);
    let last = all.iter().map(|(name, values)| ((*name).to_owned(), json!(values.last())));
    (last.collect(), all.iter().map(|(name, values)| ((*name).to_owned(), json!(values))).collect())
}

/// `queryStringParameters` with the last value of each name, `multiValueQueryStringParameters` with all.
fn query(query: &str) -> (Map<String, Value>, Map<String, Value>) {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.entry(decode(&name.replace('+', " "))).or_default().push(decode(&value.replace('+', " ")));
    }
    let last = all.iter().map(|(name, values)| (name.clone(), json!(values.last())));
    (last.collect(), all.iter().map(|(name, values)| (name.clone(), json!(values))).collect())
}

/// Percent-decodes; what is no escape stays, what is no UTF-8 becomes U+FFFD.
pub(super) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let escaped =
            others.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            rest = &others[2..];
        } else {
            out.push(*first);
            rest = others;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_binary(api: &Api, asked: &Asked<'_>) -> bool {
    let sent = asked.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    api.binary_media_types.iter().any(|wanted| wanted == "*/*" || wanted.eq_ignore_ascii_case(sent))
}

fn or_null(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.into() }
}

fn host(asked: &Asked<'_>) -> String {
    let named = asked.headers.get(header::HOST).and_then(|v| v.to_str().ok());
    named
        .or_else(|| asked.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost")
        .to_owned()
}

/// AWS reaches an API by its host name; a request without a sound one would not arrive.
pub(super) fn host_is_sound(asked: &Asked<'_>) -> bool {
    let authority = host(asked);
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if asked.headers.get_all(header::HOST).iter().count() > 1 || !authority.chars().all(legal) {
        return false;
    }
    if asked.headers.get(header::HOST).is_some_and(|named| named.to_str().is_err()) {
        return false;
    }
    let Ok(authority) = authority.parse::<http::uri::Authority>() else {
        return false;
    };
    let host = authority.host();
    let has_sound_port = authority.port_u16().is_some() || host == authority.as_str();
    // What ends in a number is an IPv4 address, or nothing.
    let is_address = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    has_sound_port && !host.is_empty() && (!is_address || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// The bytes API Gateway counts against its limit for headers.
pub(super) fn header_bytes(asked: &Asked<'_>) -> usize {
    let line = asked.method.as_str().len() + asked.uri.path_and_query().map_or(0, |p| p.as_str().len());
    line + asked.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
}

#[expect(clippy::disallowed_methods, reason = "the gateway is AWS's side: it keeps its own time")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
