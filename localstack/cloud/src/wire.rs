//! The AWS JSON protocols: replies and faults.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

pub(crate) type Request = http::Request<Bytes>;
pub(crate) type Reply = http::Response<Bytes>;

/// An error as an AWS service answers it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Fault {
    /// A mistake of the caller's.
    pub(crate) fn client(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The reply of a JSON service.
    pub(crate) fn json(&self) -> Reply {
        let mut reply = json_reply(self.status, &json!({ "__type": self.code, "message": self.message }));
        // REST services name the error here, and the SDKs look here first.
        let code = self.code.rsplit('#').next().unwrap_or_default();
        if let Ok(code) = HeaderValue::from_str(code) {
            reply.headers_mut().insert("x-amzn-errortype", code);
        }
        reply
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self {
            status: 500,
            code: "InternalFailure".to_owned(),
            message: format!("the local cloud's database: {e}"),
        }
    }
}

/// A JSON reply.
pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    reply(status, "application/x-amz-json-1.1", body.to_string())
}

/// A reply with a request id, as every AWS service sends one.
pub(crate) fn reply(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(body.into());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    reply
}

/// The request's JSON body.
pub(crate) fn json_body(body: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ if body.is_empty() => Ok(json!({})),
        _ => Err(Fault::client("SerializationException", "The request body is not a JSON object.")),
    }
}

/// A text member of a request.
pub(crate) fn text<'v>(input: &'v Value, key: &str) -> Option<&'v str> {
    input.get(key).and_then(Value::as_str)
}
