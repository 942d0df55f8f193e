//! What a handler gives back: entities with their tag, creations, nothing.

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Error;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use store::idempotency::Reply;

use crate::{Problem, Result};

/// Nothing to say: 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A strong entity tag (RFC 9110 §8.8.3): a hash of the representation.
fn etag(body: &[u8]) -> String {
    format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(&digest(&SHA256, body).as_ref()[..16])
    )
}

fn to_json(view: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(view).map_err(|error| Error::internal("write an answer", error))
}

/// The conditions of a request: `If-None-Match` on a read, `If-Match` on a change.
#[derive(Clone, Debug)]
pub struct Conditional {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Conditional {
    /// The conditions in a request's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let read = |name: HeaderName| {
            let values: Vec<&str> = headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        Self {
            if_match: read(header::IF_MATCH),
            if_none_match: read(header::IF_NONE_MATCH),
        }
    }

    /// Requires, on a change, that the representation is still the one the client saw (RFC 9110 §13.1.1).
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when it is not.
    pub fn check(&self, view: &impl Serialize) -> Result<(), Error> {
        let Some(wanted) = &self.if_match else {
            return Ok(());
        };
        let current = etag(&to_json(view)?);
        // Strong comparison: a weak tag never matches.
        let is_current = wanted
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag == current);
        if is_current {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    }

    /// Answers with the representation and its tag, or 304 when the client has it (RFC 9110 §13.1.2).
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn answer(&self, view: &impl Serialize) -> Result<Response> {
        self.answer_with(to_json(view)?, "application/json")
    }

    /// The same for a body that is already written.
    pub fn answer_with(&self, body: Vec<u8>, content_type: &'static str) -> Result<Response> {
        let tag = etag(&body);
        let is_known = self.if_none_match.as_ref().is_some_and(|known| {
            known
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|known| known == "*" || known == tag)
        });
        let tag = HeaderValue::from_str(&tag).map_err(|error| Error::internal("write an answer", error))?;
        if is_known {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        let content_type = HeaderValue::from_static(content_type);
        let headers = [
            (header::ETAG, tag),
            (header::CONTENT_TYPE, content_type),
            private(),
        ];
        Ok((StatusCode::OK, headers, body).into_response())
    }
}

/// An entity is the caller's own: caches must ask again.
fn private() -> (HeaderName, HeaderValue) {
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    )
}

impl<S: Send + Sync> FromRequestParts<S> for Conditional {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::of(&parts.headers))
    }
}

/// Something was made: 201 with its place, its tag and itself.
#[derive(Clone, Debug)]
pub struct Created(Reply);

impl Created {
    /// An answer for the entity at `location`.
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn new(location: &str, view: &impl Serialize) -> Result<Self, Error> {
        let body = to_json(view)?;
        let headers = vec![
            ("location".to_owned(), location.to_owned()),
            ("etag".to_owned(), etag(&body)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let body = String::from_utf8(body).map_err(|error| Error::internal("write an answer", error))?;
        Ok(Self(Reply {
            status: StatusCode::CREATED.as_u16(),
            headers,
            body,
        }))
    }

    /// What is recorded under the request's `Idempotency-Key`.
    pub fn reply(&self) -> Reply {
        self.0.clone()
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        from_reply(self.0)
    }
}

/// The response that a recorded answer stands for.
pub(crate) fn from_reply(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(name: HeaderName, value: &str) -> Conditional {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Conditional::of(&headers)
    }

    #[test]
    fn a_read_is_answered_with_304_only_when_the_client_has_it() {
        let view = json!({"a": 1});
        let tag = etag(&to_json(&view).unwrap());
        for (known, status) in [
            (tag.as_str(), 304),
            (&format!("W/{tag}"), 304),
            (&format!("\"x\", {tag}"), 304),
            ("*", 304),
            ("\"x\"", 200),
            ("", 200),
        ] {
            let answer = conditions(header::IF_NONE_MATCH, known).answer(&view).unwrap();
            assert_eq!(answer.status().as_u16(), status, "{known}");
            assert_eq!(answer.headers()[header::ETAG].to_str().unwrap(), tag);
        }
    }

    #[test]
    fn a_change_needs_the_current_tag() {
        let view = json!({"a": 1});
        let tag = etag(&to_json(&view).unwrap());
        for (wanted, is_met) in [
            (tag.as_str(), true),
            ("*", true),
            (&format!("W/{tag}"), false),
            ("\"x\"", false),
        ] {
            assert_eq!(
                conditions(header::IF_MATCH, wanted).check(&view).is_ok(),
                is_met,
                "{wanted}"
            );
        }
        assert!(Conditional::of(&HeaderMap::new()).check(&view).is_ok());
    }
}
