//! Requests as API Gateway would hand them over, and what comes back.

use serde_json::{Value, json};

use crate::Result;

/// Between the head of a streamed answer and its body.
const SEPARATOR: [u8; 8] = [0; 8];

/// An answer of a function behind API Gateway.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u64,
    pub(super) body: String,
}

/// The event `base`, asking for something else.
pub(super) fn request(
    base: &Value,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Vec<u8> {
    let mut headers = json!({ "accept": "application/json", "host": "127.0.0.1:8080" });
    if let Some(token) = token {
        headers["authorization"] = format!("Bearer {token}").into();
    }
    if body.is_some() {
        headers["content-type"] = "application/json".into();
    }
    let mut event = base.clone();
    event["multiValueHeaders"] = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    event["headers"] = headers;
    event["httpMethod"] = method.into();
    event["path"] = path.into();
    event["resource"] = path.into();
    for absent in ["pathParameters", "queryStringParameters", "multiValueQueryStringParameters"] {
        event[absent] = Value::Null;
    }
    event["requestContext"]["httpMethod"] = method.into();
    event["requestContext"]["path"] = path.into();
    event["requestContext"]["resourcePath"] = path.into();
    event["body"] = body.map_or(Value::Null, |body| body.to_string().into());
    event["isBase64Encoded"] = false.into();
    event.to_string().into_bytes()
}

/// Reads a buffered answer, or one that was streamed.
pub(super) fn response(payload: &[u8]) -> Result<Response> {
    let streamed = payload.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
    let (head, body) = match streamed {
        Some(at) => (&payload[..at], Some(&payload[at + SEPARATOR.len()..])),
        None => (payload, None),
    };
    let head: Value = serde_json::from_slice(head)?;
    let body = body.map_or_else(
        || head["body"].as_str().unwrap_or_default().to_owned(),
        |body| String::from_utf8_lossy(body).into_owned(),
    );
    let status = head["statusCode"].as_u64().ok_or("the answer has no statusCode")?;
    Ok(Response { status, body })
}

/// The answer, when it has the status that was wanted.
pub(super) fn expect(status: u64, payload: &[u8]) -> Result<Response> {
    let response = response(payload)?;
    if response.status == status {
        return Ok(response);
    }
    Err(format!("expected {status}, got {}: {}", response.status, response.body).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_what_it_does_not_say() {
        let base = json!({ "requestContext": { "stage": "prod" }, "pathParameters": { "id": "1" } });
        let event = request(&base, "POST", "/a", Some("t"), Some(&json!({ "b": 1 })));
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["requestContext"]["stage"], "prod");
        assert_eq!(event["multiValueHeaders"]["authorization"], json!(["Bearer t"]));
        assert_eq!(event["body"], "{\"b\":1}");
        assert_eq!(event["pathParameters"], Value::Null);
    }

    #[test]
    fn answers_are_read_buffered_and_streamed() {
        let wanted = Response { status: 200, body: "hi".to_owned() };
        assert_eq!(response(b"{\"statusCode\":200,\"body\":\"hi\"}").unwrap(), wanted);
        assert_eq!(response(b"{\"statusCode\":200}\0\0\0\0\0\0\0\0hi").unwrap(), wanted);
        assert!(response(b"{}").is_err());
    }

    #[test]
    fn a_wrong_status_shows_its_body() {
        let error = expect(201, b"{\"statusCode\":409,\"body\":\"taken\"}").unwrap_err().to_string();
        assert_eq!(error, "expected 201, got 409: taken");
    }
}
