//! What a provider says of itself (OpenID Connect Discovery 1.0 §3, §4.3).

use platform::outbound::is_safe;
use serde::Deserialize;

/// A provider's document, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// Who it is.
    pub issuer: String,
    /// Where people log in.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where it tells about a person.
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    response_types_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether its answers name it (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why a document is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is not the JSON it should be.
    #[error("the discovery document cannot be read: {0}")]
    Form(String),
    /// It is about somebody else (§4.3: `issuer` must be identical).
    #[error("the discovery document is another issuer's")]
    Issuer,
    /// An endpoint is not reached by TLS, or is no URL.
    #[error("the discovery document's {0} must be an https URL")]
    Endpoint(&'static str),
    /// It does not do what we need.
    #[error("the provider does not support {0}")]
    Unsupported(&'static str),
}

impl Metadata {
    /// Reads and checks the document of an issuer.
    ///
    /// # Errors
    /// [`DiscoveryError`].
    pub fn read(body: &[u8], issuer: &str) -> Result<Self, DiscoveryError> {
        let metadata: Self =
            serde_json::from_slice(body).map_err(|error| DiscoveryError::Form(error.to_string()))?;
        if metadata.issuer != issuer {
            return Err(DiscoveryError::Issuer);
        }
        let userinfo = metadata.userinfo_endpoint.iter().map(|url| ("userinfo_endpoint", url));
        let endpoints = [
            ("authorization_endpoint", &metadata.authorization_endpoint),
            ("token_endpoint", &metadata.token_endpoint),
            ("jwks_uri", &metadata.jwks_uri),
        ];
        // Only a provider on this machine has anything to show us here: one elsewhere could name what listens on the
        // loopback interface of a function.
        let is_local = issuer.starts_with("http://");
        let is_fit =
            |url: &str| is_safe(url) && !url.contains('#') && (is_local || url.starts_with("https://"));
        let unfit = endpoints.into_iter().chain(userinfo).find(|(_, url)| !is_fit(url));
        if let Some((name, _)) = unfit {
            return Err(DiscoveryError::Endpoint(name));
        }
        // What a document leaves out may still be supported.
        let lacks = |list: &Option<Vec<String>>, value: &str| {
            list.as_ref().is_some_and(|list| !list.iter().any(|known| known == value))
        };
        if lacks(&metadata.response_types_supported, "code") {
            return Err(DiscoveryError::Unsupported("the response type code"));
        }
        if lacks(&metadata.code_challenge_methods_supported, "S256") {
            return Err(DiscoveryError::Unsupported("PKCE with S256"));
        }
        Ok(metadata)
    }

    /// Whether the client's secret goes into the form (`client_secret_post`) and not into the header: where the provider
    /// says that it takes the one and not the other (§3: what is left out is `client_secret_basic`).
    pub fn takes_secret_in_form(&self) -> bool {
        self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|methods| {
            let takes = |method: &str| methods.iter().any(|known| known == method);
            takes("client_secret_post") && !takes("client_secret_basic")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_document_is_the_issuer_s_own_and_its_endpoints_are_safe() {
        let issuer = "https://id.example.com";
        let cases = [
            (json!({}), ""),
            (json!({"response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]}), ""),
            (json!({"unknown": 1}), ""),
            (json!({"issuer": "https://id.example.com/"}), "another issuer"),
            (json!({"issuer": null}), "cannot be read"),
            (json!({"token_endpoint": null}), "cannot be read"),
            (json!({"jwks_uri": 7}), "cannot be read"),
            (json!({"token_endpoint": "http://id.example.com/token"}), "token_endpoint"),
            (json!({"authorization_endpoint": "javascript:alert(1)"}), "authorization_endpoint"),
            (json!({"authorization_endpoint": "https://id.example.com/a#b"}), "authorization_endpoint"),
            (json!({"jwks_uri": "file:///etc/passwd"}), "jwks_uri"),
            (json!({"userinfo_endpoint": "https://id.example.com/me"}), ""),
            (json!({"userinfo_endpoint": "http://id.example.com/me"}), "userinfo_endpoint"),
            (json!({"jwks_uri": "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next"}), "jwks_uri"),
            (json!({"token_endpoint": "http://localhost/token"}), "token_endpoint"),
            (json!({"response_types_supported": ["id_token"]}), "response type"),
            (json!({"code_challenge_methods_supported": ["plain"]}), "PKCE"),
        ];
        for (changes, part) in cases {
            let mut document = json!({
                "issuer": issuer, "authorization_endpoint": "https://id.example.com/auth",
                "token_endpoint": "https://id.example.com/token", "jwks_uri": "https://id.example.com/jwks"
            });
            for (name, value) in changes.as_object().unwrap() {
                document[name] = value.clone();
            }
            let told = Metadata::read(document.to_string().as_bytes(), issuer).err();
            let told = told.map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(told.is_empty(), part.is_empty(), "{changes}: {told}");
            assert!(told.contains(part), "{changes}: {told}");
        }
        for body in ["", "[]", "null", "<html>", "{"] {
            assert!(Metadata::read(body.as_bytes(), issuer).is_err(), "{body}");
        }
        assert!(Metadata::read(Value::Null.to_string().as_bytes(), issuer).is_err());
    }
}
