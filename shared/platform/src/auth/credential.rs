//! What a caller shows.

use axum::http::{HeaderMap, HeaderName, header};
use kernel::{Error, Secret, api_key::ApiKeyText};

use crate::{admin_secret, cookie};

/// The header that carries an API key.
pub(crate) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// Where a credential was found.
pub(super) enum Credential<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
    ApiKey(ApiKeyText),
    Basic(Secret<String>),
}

/// The request's credential. What is sent on purpose comes before what a browser sends by itself; two of them are one
/// too many, because they could be of different callers.
///
/// # Errors
/// [`Error::Unauthenticated`] when there is none, or none of ours; [`Error::Malformed`] for two.
pub(super) fn read(headers: &HeaderMap, takes_basic: bool) -> Result<Credential<'_>, Error> {
    match (headers.get(header::AUTHORIZATION), headers.get(API_KEY_HEADER)) {
        (Some(_), Some(_)) => Err(Error::Malformed("send `Authorization` or `X-Api-Key`, not both".into())),
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(|value| authorization(value, takes_basic))
            .ok_or_else(|| missing(takes_basic)),
        (None, Some(value)) => {
            let key = value.to_str().ok().and_then(|value| value.parse().ok());
            key.map(Credential::ApiKey).ok_or_else(|| {
                Error::Unauthenticated("X-Api-Key holds no API key: its form or its checksum is wrong".into())
            })
        }
        (None, None) => {
            cookie::read(headers, cookie::ACCESS).map(Credential::Cookie).ok_or_else(|| missing(takes_basic))
        }
    }
}

fn authorization(value: &str, takes_basic: bool) -> Option<Credential<'_>> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credential::Bearer(rest.trim()));
    }
    let is_basic = takes_basic && scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| admin_secret::read_basic(rest.trim()).map(Credential::Basic))?
}

/// No credential that could be used here.
pub(super) fn missing(takes_basic: bool) -> Error {
    Error::Unauthenticated(if takes_basic {
        "send `Authorization: Bearer <access token>` of an operator, or `Authorization: Basic` with the admin secret".into()
    } else {
        "send `Authorization: Bearer <access token>` or `X-Api-Key: <key>`, or log in for a cookie session"
            .into()
    })
}
