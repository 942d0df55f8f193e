//! What a handler gives back: entities with their tag, creations, nothing.

use std::time::Duration;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Error, Timestamp};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use store::{Actor, Change, Entity, Store, Stored, idempotency::Reply};

use crate::{Problem, Result};

/// Nothing to say: 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A strong entity tag (RFC 9110 §8.8.3): a hash of the representation, and of a salt where whoever runs the platform
/// must be able to make every cache ask again.
fn etag(salt: &str, body: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(salt.as_bytes());
    hash.update(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.finish().as_ref()[..16]))
}

fn to_json(view: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(view).map_err(|error| Error::internal("write an answer", error))
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::internal("write an answer", error))
}

/// A view without a tag, which caches do not keep: a page of a list, something secret.
#[derive(Clone, Copy, Debug)]
pub struct View<T>(pub T);

impl<T: Serialize> IntoResponse for View<T> {
    fn into_response(self) -> Response {
        match to_json(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, json_type())], body).into_response(),
            Err(error) => Problem(error).into_response(),
        }
    }
}

/// The conditions of a request: `If-None-Match` and `If-Modified-Since` on a read, `If-Match` on a change.
#[derive(Clone, Debug)]
pub struct Conditional {
    is_read: bool,
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<Timestamp>,
}

/// A document that is everybody's: how long caches keep it, and what it is compared by.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// What the document is.
    pub content_type: &'static str,
    /// How long it is used without asking again.
    pub max_age: Duration,
    /// Goes into the entity tag: another salt makes every cache ask again.
    pub etag_salt: &'a str,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

impl Conditional {
    /// The conditions in a request's headers.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        // A condition that cannot be read is kept as one that no tag meets: dropping it would make the change happen.
        let read = |name: HeaderName| {
            let values: Vec<_> =
                headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        Self {
            is_read: matches!(*method, Method::GET | Method::HEAD),
            if_match: read(header::IF_MATCH),
            if_none_match: read(header::IF_NONE_MATCH),
            if_modified_since: read(header::IF_MODIFIED_SINCE)
                .and_then(|date| Timestamp::from_http_date(&date)),
        }
    }

    /// Requires, on a change, that the representation is still the one the client saw (RFC 9110 §13.1.1), and not
    /// one that it excludes (§13.1.2).
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when it is not.
    pub fn check(&self, view: &impl Serialize) -> Result<(), Error> {
        let current = etag("", &to_json(view)?);
        // Strong comparison: a weak tag never matches.
        let is_stale = self
            .if_match
            .as_deref()
            .is_some_and(|wanted| !tags(wanted).any(|tag| tag == "*" || tag == current));
        if is_stale || self.knows(&current) { Err(Error::PreconditionFailed) } else { Ok(()) }
    }

    /// Carries a change out: [`check`](Self::check)s what the entity was, lets `decide` say what it becomes and what
    /// else is written, or that nothing does; commits, and answers with what it is then.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] as in `check`, also when another change came in between; what `decide` refuses.
    pub async fn amend<T: Entity, V: Serialize>(
        &self,
        store: &Store,
        actor: &Actor,
        old: &Stored<T>,
        view: impl Fn(&T) -> V,
        decide: impl FnOnce(&T) -> Result<Option<(T, Change)>, Error>,
    ) -> Result<Response> {
        self.check(&view(old))?;
        let Some((next, change)) = decide(old)? else {
            return self.answer(&view(old));
        };
        store.commit(actor, change.replace_first(old, &next, self.lost_race())).await?;
        self.answer(&view(&next))
    }

    /// The error for a change that lost the race against another: the tag that the client named is stale by now.
    pub fn lost_race(&self) -> Error {
        match &self.if_match {
            Some(wanted) if !tags(wanted).any(|tag| tag == "*") => Error::PreconditionFailed,
            _ => store::changed_meanwhile(),
        }
    }

    /// Answers with the representation and its tag, or 304 when the client has it (RFC 9110 §13.1.2).
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn answer(&self, view: &impl Serialize) -> Result<Response> {
        self.answer_with(to_json(view)?, "application/json")
    }

    /// The same for a representation that holds more than its `tagged` part, on which alone a change depends: when
    /// it was last used, say.
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn answer_tagged(&self, view: &impl Serialize, tagged: &impl Serialize) -> Result<Response> {
        self.answer_as(&etag("", &to_json(tagged)?), to_json(view)?, "application/json")
    }

    /// The same for a body that is already written.
    ///
    /// # Errors
    /// When the tag cannot be written.
    pub fn answer_with(&self, body: Vec<u8>, content_type: &'static str) -> Result<Response> {
        self.answer_as(&etag("", &body), body, content_type)
    }

    fn answer_as(&self, tag: &str, body: Vec<u8>, content_type: &'static str) -> Result<Response> {
        let is_known = self.is_read && self.knows(tag);
        // An entity is the caller's own: caches must ask again.
        let private = HeaderValue::from_static("private, no-cache");
        let headers = [(header::ETAG, header_value(tag)?), (header::CACHE_CONTROL, private)];
        Ok(unless_known(is_known, headers, content_type, body))
    }

    /// Answers with a document that is everybody's, or 304 when the client has it: by its tag if it sent one, else by
    /// its date (RFC 9110 §13.2.2).
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn publish(&self, view: &impl Serialize, publication: &Publication<'_>) -> Result<Response> {
        let body = to_json(view)?;
        let tag = etag(publication.etag_salt, &body);
        // An HTTP date has no milliseconds.
        let is_unmodified =
            self.if_modified_since.is_some_and(|date| publication.modified_at.seconds() <= date.seconds());
        let is_known = match self.if_none_match {
            Some(_) => self.knows(&tag),
            None => is_unmodified,
        };
        let cache = format!("public, max-age={}", publication.max_age.as_secs());
        let headers = [
            (header::ETAG, header_value(&tag)?),
            (header::CACHE_CONTROL, header_value(&cache)?),
            (header::LAST_MODIFIED, header_value(&publication.modified_at.http_date())?),
        ];
        Ok(unless_known(is_known, headers, publication.content_type, body))
    }

    /// Whether the client says it has this one. Weak comparison.
    fn knows(&self, tag: &str) -> bool {
        self.if_none_match.as_deref().is_some_and(|known| {
            tags(known).map(|known| known.trim_start_matches("W/")).any(|known| known == "*" || known == tag)
        })
    }
}

fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// 200 with the body, or 304 with the headers that the 200 would have had (RFC 9110 §15.4.5).
fn unless_known<const N: usize>(
    is_known: bool,
    headers: [(HeaderName, HeaderValue); N],
    content_type: &'static str,
    body: Vec<u8>,
) -> Response {
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (StatusCode::OK, headers, content_type, body).into_response()
}

fn json_type() -> HeaderValue {
    HeaderValue::from_static("application/json")
}

impl<S: Send + Sync> FromRequestParts<S> for Conditional {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::of(&parts.method, &parts.headers))
    }
}

/// Something was made: 201 with its place, its tag and itself. Only a commit gives one, which has recorded the answer
/// under the request's `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Created(Reply);

impl Created {
    /// Carries the change out and answers with the entity at `location`, again for a request that is sent again.
    ///
    /// # Errors
    /// What [`Store::commit`] refuses; when the view cannot be serialised.
    pub async fn commit(
        store: &Store,
        actor: &Actor,
        change: Change,
        location: &str,
        view: &impl Serialize,
    ) -> Result<Self> {
        let body = to_json(view)?;
        let tag = ("etag".to_owned(), etag("", &body));
        recorded(store, actor, change, StatusCode::CREATED, location, body, Some(tag)).await.map(Self)
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        from_reply(self.0)
    }
}

/// Something will be done: 202 with the place where one sees how far it is. Only a commit gives one, which has recorded
/// the answer under the request's `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Accepted(Reply);

impl Accepted {
    /// Carries the change out and answers with what is known of the work, to be seen at `location`.
    ///
    /// # Errors
    /// As [`Created::commit`].
    pub async fn commit(
        store: &Store,
        actor: &Actor,
        change: Change,
        location: &str,
        view: &impl Serialize,
    ) -> Result<Self> {
        let body = to_json(view)?;
        recorded(store, actor, change, StatusCode::ACCEPTED, location, body, None).await.map(Self)
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        from_reply(self.0)
    }
}

/// Carries a change out, and records what is answered.
async fn recorded(
    store: &Store,
    actor: &Actor,
    change: Change,
    status: StatusCode,
    location: &str,
    body: Vec<u8>,
    tag: Option<(String, String)>,
) -> Result<Reply> {
    let place = ("location".to_owned(), location.to_owned());
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    let headers = [place].into_iter().chain(tag).chain([content_type]).collect();
    let body = String::from_utf8(body).map_err(|error| Error::internal("write an answer", error))?;
    let reply = Reply { status: status.as_u16(), headers, body };
    store.commit(actor, change.answering(reply.clone())).await?;
    Ok(reply)
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

    fn conditions(method: &Method, name: HeaderName, value: &[u8]) -> Conditional {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        Conditional::of(method, &headers)
    }

    #[test]
    fn a_read_is_answered_with_304_only_when_the_client_has_it() {
        let view = json!({"a": 1});
        let tag = etag("", &to_json(&view).unwrap());
        for (known, status) in [
            (tag.as_str(), 304),
            (&format!("W/{tag}"), 304),
            (&format!("\"x\", {tag}"), 304),
            ("*", 304),
            ("\"x\"", 200),
            ("", 200),
        ] {
            let read = conditions(&Method::GET, header::IF_NONE_MATCH, known.as_bytes());
            let answer = read.answer(&view).unwrap();
            assert_eq!(answer.status().as_u16(), status, "{known}");
            assert_eq!(answer.headers()[header::ETAG].to_str().unwrap(), tag);
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, no-cache");
            // After a change the client gets what it changed.
            let change = conditions(&Method::PATCH, header::IF_NONE_MATCH, known.as_bytes());
            assert_eq!(change.answer(&view).unwrap().status(), 200, "{known}");
            assert_eq!(change.check(&view).is_ok(), status == 200, "{known}");
        }
    }

    #[test]
    fn a_change_needs_the_current_tag() {
        let view = json!({"a": 1});
        let tag = etag("", &to_json(&view).unwrap());
        for (wanted, is_met) in [
            (tag.as_bytes(), true),
            (b"*", true),
            (format!("W/{tag}").as_bytes(), false),
            (b"\"x\"", false),
            (b"\"\xff\"", false),
        ] {
            assert_eq!(
                conditions(&Method::PATCH, header::IF_MATCH, wanted).check(&view).is_ok(),
                is_met,
                "{wanted:?}"
            );
        }
        let none = Conditional::of(&Method::PATCH, &HeaderMap::new());
        assert!(none.check(&view).is_ok());
    }

    #[test]
    fn a_lost_race_is_a_stale_tag_for_who_named_one() {
        let stale = |wanted: &[u8]| {
            let error = conditions(&Method::PATCH, header::IF_MATCH, wanted).lost_race();
            matches!(error, Error::PreconditionFailed)
        };
        assert!(stale(b"\"x\"") && stale(b"\"x\", \"y\""));
        // Whatever it is: what took its place met the condition as well.
        assert!(!stale(b"*"));
        let none = Conditional::of(&Method::PATCH, &HeaderMap::new());
        assert!(matches!(none.lost_race(), Error::Conflict { rule: "changed_meanwhile", .. }));
    }

    #[test]
    fn a_published_document_is_compared_by_tag_then_by_date() {
        let view = json!({"keys": []});
        let publication = |etag_salt| Publication {
            content_type: "application/json",
            max_age: Duration::from_mins(1),
            etag_salt,
            modified_at: Timestamp::from_millis(1_700_000_000_900),
        };
        let salted = etag("s", &to_json(&view).unwrap());
        for (name, value, status) in [
            (header::IF_NONE_MATCH, salted.as_str(), 304),
            (header::IF_NONE_MATCH, &etag("", &to_json(&view).unwrap()), 200),
            (header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT", 304),
            (header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT", 200),
            (header::IF_MODIFIED_SINCE, "yesterday", 200),
        ] {
            let conditional = conditions(&Method::GET, name, value.as_bytes());
            let answer = conditional.publish(&view, &publication("s")).unwrap();
            assert_eq!(answer.status().as_u16(), status, "{value}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=60");
            assert_eq!(answer.headers()[header::LAST_MODIFIED], "Tue, 14 Nov 2023 22:13:20 GMT");
        }
        let mut both = HeaderMap::new();
        both.insert(header::IF_NONE_MATCH, "\"x\"".parse().unwrap());
        both.insert(header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT".parse().unwrap());
        let answer = Conditional::of(&Method::GET, &both).publish(&view, &publication("")).unwrap();
        assert_eq!(answer.status(), 200, "the tag wins over the date");
    }
}
