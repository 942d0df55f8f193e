//! Which providers there are.

use std::str::FromStr;

use platform::{config::Reader, outbound::is_safe};
use serde::Deserialize;

/// The configuration of logins by providers.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// `AUTH_OIDC_PROVIDERS`: a JSON list; none unless told.
    pub providers: Providers,
    /// `OIDC_CLIENTS_SECRET`: the secret with our client secrets, `{"<provider>": "<client secret>"}`.
    pub clients_secret: String,
}

impl OidcConfig {
    /// Reads the configuration; `None` notes a fault.
    pub fn read(env: &mut Reader<'_>) -> Option<Self> {
        let providers = env.or("AUTH_OIDC_PROVIDERS", "[]");
        let clients_secret = env.required("OIDC_CLIENTS_SECRET");
        Some(Self { providers: providers?, clients_secret: clients_secret? })
    }
}

/// A provider, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name in our paths: lower-case letters, digits and hyphens.
    pub name: String,
    /// Its issuer identifier, exactly as its documents have it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What we ask for: `openid email profile` unless told. Many providers give a refresh token, and so a session of more
    /// than half an hour, only for `offline_access`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// Where a browser goes with the cookies of its new session. Without it the answer is the session itself.
    #[serde(default)]
    pub landing: Option<String>,
}

fn usual_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).into()
}

/// Providers with different names, each checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers(Vec<ProviderConfig>);

impl Providers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn into_list(self) -> Vec<ProviderConfig> {
        self.0
    }
}

impl FromStr for Providers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let providers: Vec<ProviderConfig> = serde_json::from_str(text).map_err(|error| {
            format!("must be a JSON list of name, issuer, client_id, scopes and landing: {error}")
        })?;
        let mut faults = Vec::new();
        for (index, provider) in providers.iter().enumerate() {
            let others = &providers[..index];
            let found = provider.faults(others.iter().any(|other| other.name == provider.name));
            faults.extend(found.into_iter().map(|fault| format!("provider {index}: {fault}")));
        }
        if faults.is_empty() { Ok(Self(providers)) } else { Err(faults.join(", ")) }
    }
}

impl ProviderConfig {
    fn faults(&self, is_repeated: bool) -> Vec<&'static str> {
        let is_named = (1..=32).contains(&self.name.len())
            && self.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let is_scope =
            |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
        let broken = [
            (!is_named, "name must be 1 to 32 lower-case letters, digits and hyphens"),
            (is_repeated, "name stands more than once"),
            (!is_safe(&self.issuer) || self.issuer.contains(['?', '#']), "issuer must be an https URL"),
            (self.client_id.is_empty(), "client_id must not be empty"),
            (!self.landing.as_deref().is_none_or(is_safe), "landing must be an https URL"),
            (!self.scopes.iter().all(is_scope), "scopes must be visible ASCII"),
            (!self.scopes.iter().any(|scope| scope == "openid"), "scopes must have openid among them"),
        ];
        broken.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, fault)| fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_is_checked() {
        let right = r#"{"name": "acme", "issuer": "https://id.example.com/a", "client_id": "us"}"#;
        let providers: Providers = format!("[{right}]").parse().unwrap();
        assert_eq!(providers.into_list()[0].scopes, ["openid", "email", "profile"]);
        assert_eq!("[]".parse::<Providers>(), Ok(Providers::default()));
        for (text, part) in [
            ("", "JSON list"),
            ("{}", "JSON list"),
            (r#"[{"name": "a"}]"#, "issuer"),
            (&format!("[{right}, {right}]"), "provider 1: name stands more than once"),
            (&format!("[{}]", right.replace("acme", "Acme Inc")), "lower-case"),
            (&format!("[{}]", right.replace("https", "http")), "https"),
            (&format!("[{}]", right.replace("https://id", "http://127.0.0.1@id")), "https"),
            (&format!("[{}]", right.replace("/a", "/a?b=c")), "https"),
            (&format!("[{}]", right.replace("us", "")), "client_id"),
            (&format!("[{}]", right.replace("\"us\"", "\"us\", \"landing\": \"/app\"")), "landing"),
            (&format!("[{}]", right.replace("\"us\"", "\"us\", \"secret\": \"x\"")), "unknown field"),
            (&format!("[{}]", right.replace("\"us\"", "\"us\", \"scopes\": [\"email\"]")), "openid"),
        ] {
            let fault = text.parse::<Providers>().unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
