//! A request to the token endpoint: which grant is asked for, by whom, shown how (RFC 6749 §4.4, RFC 7523).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{Error, Result, Secret, oauth::Code};

/// What the client shows to say who it is.
#[derive(Debug)]
pub enum Credential {
    /// `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1).
    Secret {
        /// Who it says it is.
        client: String,
        /// Its secret.
        secret: Secret<String>,
    },
    /// An assertion that the client has signed: instead of a secret (RFC 7523 §2.2), or as the grant itself (§2.1).
    Assertion {
        /// Who it says it is besides.
        client: Option<String>,
        /// The token.
        text: Secret<String>,
        /// Whether it is the grant.
        is_grant: bool,
    },
}

/// A request that can be read.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who asks.
    pub credential: Credential,
    /// Which scopes are asked for, separated by spaces.
    pub scope: Option<String>,
}

/// The grant by which a client acts for itself.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The grant that is an assertion (RFC 7523 §2.1).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The one type of client assertions (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client authenticates, in the words of OAuth's registry.
pub const AUTH_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// The parameters that are read. Others are ignored (RFC 6749 §3.2).
const PARAMETERS: [&str; 7] = [
    "grant_type",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion_type",
    "client_assertion",
    "assertion",
];

type Parameters = BTreeMap<&'static str, String>;

impl TokenRequest {
    /// Reads a form and the `Authorization` header beside it.
    ///
    /// # Errors
    /// [`Error::OAuth`] with the code that RFC 6749 §5.2 has for it.
    pub fn read(form: Vec<(String, String)>, authorization: Option<&[u8]>) -> Result<Self> {
        let mut parameters = known(form)?;
        let grant = parameters.remove("grant_type").ok_or_else(|| invalid("grant_type is required"))?;
        let scope = parameters.remove("scope");
        let credential = match &*grant {
            CLIENT_CREDENTIALS => client_credentials(parameters, authorization)?,
            JWT_BEARER => jwt_bearer(parameters, authorization)?,
            _ => {
                let detail = format!("grant_type must be {CLIENT_CREDENTIALS} or {JWT_BEARER}");
                return Err(Error::oauth(Code::UnsupportedGrantType, detail));
            }
        };
        Ok(Self { credential, scope })
    }
}

/// The parameters that count; one without a value is as if it were not there (RFC 6749 §3.2).
fn known(form: Vec<(String, String)>) -> Result<Parameters> {
    let mut parameters = Parameters::new();
    for (name, value) in form {
        let Some(name) = PARAMETERS.into_iter().find(|known| *known == name) else {
            continue;
        };
        if parameters.insert(name, value).is_some() {
            return Err(invalid(format!("{name} stands more than once")));
        }
    }
    parameters.retain(|_, value| !value.is_empty());
    Ok(parameters)
}

fn client_credentials(mut form: Parameters, authorization: Option<&[u8]>) -> Result<Credential> {
    let client = form.remove("client_id");
    let basic = authorization.map(|header| basic(header).ok_or_else(unauthenticated)).transpose()?;
    let assertion = (form.remove("client_assertion_type"), form.remove("client_assertion"));
    match (basic, form.remove("client_secret"), assertion) {
        (Some((id, secret)), None, (None, None)) if client.as_ref().is_none_or(|client| *client == id) => {
            Ok(Credential::Secret { client: id, secret })
        }
        (None, Some(secret), (None, None)) => {
            let client = client.ok_or_else(|| invalid("client_secret goes with client_id"))?;
            Ok(Credential::Secret { client, secret: Secret::new(secret) })
        }
        (None, None, (Some(kind), Some(text))) if kind == ASSERTION_TYPE => {
            Ok(Credential::Assertion { client, text: Secret::new(text), is_grant: false })
        }
        (None, None, (None, None)) => Err(unauthenticated()),
        (None, None, _) => {
            Err(invalid(format!("client_assertion goes with client_assertion_type={ASSERTION_TYPE}")))
        }
        _ => Err(invalid("a client shows one credential, in one way")),
    }
}

fn jwt_bearer(mut form: Parameters, authorization: Option<&[u8]>) -> Result<Credential> {
    let text = form.remove("assertion").ok_or_else(|| invalid("assertion is required"))?;
    let client = form.remove("client_id");
    if authorization.is_some() || !form.is_empty() {
        return Err(invalid("with that grant the assertion is the only credential"));
    }
    Ok(Credential::Assertion { client, text: Secret::new(text), is_grant: true })
}

/// Id and secret of `Authorization: Basic`; both are form-encoded in it (RFC 6749 §2.3.1).
fn basic(header: &[u8]) -> Option<(String, Secret<String>)> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((form_decoded(id)?, Secret::new(form_decoded(secret)?)))
}

fn form_decoded(text: &str) -> Option<String> {
    let pair = format!("={text}");
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    let (_, value) = pairs.next()?;
    pairs.next().is_none().then(|| value.into_owned())
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::oauth(Code::InvalidRequest, detail)
}

/// An unknown client, a wrong secret and an assertion that is not valid look alike.
pub fn unauthenticated() -> Error {
    Error::oauth(Code::InvalidClient, "the client is not known, or did not show that it is the one")
}

#[cfg(test)]
mod tests;
