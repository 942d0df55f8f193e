//! What a handler takes in: bodies, queries and path ids that are already right.

use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kernel::{Error, Input, Limit, Principal, Sort, input, json};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::{
    Entity, Store,
    idempotency::{Begun, Reply},
};

use crate::{Edge, Problem, Result, digest::sha256_hex, http::RequestInfo, respond};

/// The largest body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: Input> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        require_json(request.headers())?;
        let body = read_body(request).await?;
        Ok(Self(parse(&body)?))
    }
}

/// A JSON body of a creating `POST`, which takes an `Idempotency-Key`: the same request with the same key is answered
/// with the first answer and does not reach the handler. Stands after [`Allowed`](crate::Allowed) in the signature,
/// because keys belong to a principal.
#[derive(Debug)]
pub struct Create<T>(pub T);

impl<S, T> FromRequest<S> for Create<T>
where
    S: Send + Sync,
    T: Input + Send,
    Edge: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        require_json(request.headers()).map_err(reject)?;
        let edge = Edge::from_ref(state);
        let (mut parts, body) = request.into_parts();
        let info = RequestInfo::of(&parts).map_err(IntoResponse::into_response)?;
        let key = idempotency_key(&parts.headers).map_err(reject)?;
        let principal = parts.extensions.remove::<Principal>();
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let body = read_body(Request::from_parts(parts, body)).await.map_err(reject)?;
        let input = parse(&body).map_err(reject)?;
        if let Some(key) = key {
            let owner = principal.map_or_else(
                || info.client.to_string(),
                |principal| format!("{}|{}", principal.tenant_id, principal.id),
            );
            let scope = edge.pseudonym(&format!("idempotency|{owner}|{key}"));
            let fingerprint = fingerprint(&edge, &method, &uri, &body);
            match edge.store().claim(&scope, &fingerprint, info.now).await.map_err(reject)? {
                Begun::Claimed(claim) => info.claim.fill(claim),
                Begun::Answered(reply) => return Err(replay(reply)),
            }
        }
        Ok(Self(input))
    }
}

fn reject(error: Error) -> Response {
    Problem(error).into_response()
}

fn replay(reply: Reply) -> Response {
    let mut response = respond::from_reply(reply);
    response.headers_mut().insert("idempotent-replayed", axum::http::HeaderValue::from_static("true"));
    response
}

/// A keyed hash of what makes two requests the same.
fn fingerprint(edge: &Edge, method: &Method, uri: &Uri, body: &[u8]) -> String {
    edge.pseudonym(&format!("{method}|{uri}|{}", sha256_hex(body)))
}

/// `Idempotency-Key`: 1–255 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(text.to_owned()))
    } else {
        Err(Error::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    require_type(headers, "application/json")
}

fn require_type(headers: &HeaderMap, expected: &'static str) -> Result<(), Error> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected) {
        Ok(())
    } else {
        Err(Error::UnsupportedMediaType { expected })
    }
}

async fn read_body(request: Request) -> Result<Bytes, Error> {
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Error::TooLarge { limit_bytes: BODY_BYTES_MAX }
        } else {
            Error::Malformed("the body broke off".into())
        }
    })
}

fn parse<T: Input>(body: &[u8]) -> Result<T, Error> {
    input::parse(&json::parse(body)?)
}

/// The parameters of a form (RFC 6749 appendix B), as they were sent: a name may stand more than once.
#[derive(Debug)]
pub struct Form(pub Vec<(String, String)>);

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        require_type(request.headers(), FORM)?;
        let body = read_body(request).await?;
        let text = std::str::from_utf8(&body);
        let text = text.map_err(|_| Error::Malformed("the body is not UTF-8".into()))?;
        Ok(Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect()))
    }
}

/// The query parameters, read like a body whose fields are all text.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: Input> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let pairs = pairs.map_err(|_| Error::Malformed("the query string cannot be read".into()))?.0;
        let mut object = Map::new();
        for (name, value) in pairs {
            if object.insert(name.clone(), Value::String(value)).is_some() {
                return Err(Error::invalid(name, "stands more than once").into());
            }
        }
        input::parse(&Value::Object(object)).map(Self).map_err(|error| name_parameters(error).into())
    }
}

/// A parameter is named, where a place in a body is pointed at.
fn name_parameters(error: Error) -> Error {
    let Error::Invalid(mut faults) = error else {
        return error;
    };
    for fault in &mut faults {
        fault.pointer = fault.pointer.trim_start_matches('/').to_owned();
    }
    Error::Invalid(faults)
}

kernel::input! {
    /// Which part of a list. A list with filters declares its own query with these fields and makes this of them.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub struct Paging {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        pub limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        pub cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        pub sort: Option<Sort>,
    }
}

impl Paging {
    /// The page of a list that was asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor of another list.
    pub async fn read<T: Entity>(
        &self,
        store: &Store,
        list: store::Query<T>,
    ) -> kernel::Result<kernel::Page<T>> {
        let list = match self.sort {
            Some(sort) => list.sorted(sort),
            None => list,
        };
        store.page(&list, self.limit.unwrap_or_default(), self.cursor.as_deref()).await
    }
}

/// Ids from the path. One that has not the form of an id names nothing: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Error::NotFound("resource").into())
    }
}
