//! A provider that is asked: its document, its keys, its tokens.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::http::HeaderValue;
use kernel::{Error, Result, Secret, Timestamp};
use platform::{
    outbound::{Outbound, Reply},
    secrets::Secrets,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    attempt::Seed,
    config::ProviderConfig,
    discovery::Metadata,
    grant::Login,
    id_token::{Expected, IdClaims, Profile},
};
use crate::public_key::PublicKey;

/// What a provider is called in the log.
const WHAT: &str = "an OpenID provider";

/// How long its document and its keys are used without asking again.
const FRESH: Duration = Duration::from_hours(1);

/// The shortest time between two reads of its keys that unknown ones cause.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// A provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ProviderConfig,
    outbound: Outbound,
    secrets: Secrets,
    clients_secret: String,
    metadata: tokio::sync::Mutex<Option<(Timestamp, Metadata)>>,
    keys: tokio::sync::Mutex<Option<KeySet>>,
}

/// Its keys as they were last read.
#[derive(Clone, Debug)]
struct KeySet {
    read_at: Timestamp,
    /// When an unknown key last had them read again, and whether that worked.
    searched: Option<(Timestamp, bool)>,
    keys: HashMap<String, PublicKey>,
}

/// What a code, or a refresh token, is exchanged for (RFC 6749 §5.1), as far as it matters here.
#[derive(Deserialize)]
struct Tokens {
    access_token: Secret<String>,
    /// What is exchanged for a code has one, a renewal may have none (OpenID Connect Core 1.0 §3.1.3.3, §12.2).
    #[serde(default)]
    id_token: Option<Secret<String>>,
    token_type: String,
    #[serde(default)]
    refresh_token: Option<Secret<String>>,
}

/// What a provider has vouched for.
pub(crate) struct Redeemed {
    /// The ID token's claims, checked.
    pub(crate) claims: IdClaims,
    /// What gets the next ID token, if the provider gives one.
    pub(crate) refresh_token: Option<Secret<String>>,
    /// What is shown to ask who it is.
    access_token: Secret<String>,
}

/// What a provider says of a login that is to be renewed.
pub(crate) enum Renewed {
    /// It vouches anew.
    Redeemed(Box<Redeemed>),
    /// It gives tokens, and no word about the person.
    Tokens(Option<Secret<String>>),
    /// It has ended the login.
    Ended,
}

/// How its token endpoint answers (RFC 6749 §5).
enum Exchanged {
    Tokens(Tokens),
    /// It does not take the code, or the refresh token.
    Refused,
}

/// Why it gives no tokens (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Provider {
    /// A provider of which nothing is known yet.
    pub fn new(config: ProviderConfig, outbound: Outbound, secrets: Secrets, clients_secret: String) -> Self {
        let (metadata, keys) = Default::default();
        Self(Arc::new(Inner { config, outbound, secrets, clients_secret, metadata, keys }))
    }

    /// Its name here.
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Who it is.
    pub fn issuer(&self) -> &str {
        &self.0.config.issuer
    }

    /// Who we are there.
    pub(crate) fn client_id(&self) -> &str {
        &self.0.config.client_id
    }

    /// Where a browser goes with its new session.
    pub(crate) fn landing(&self) -> Option<HeaderValue> {
        self.0.config.landing.as_deref().and_then(|url| HeaderValue::from_str(url).ok())
    }

    /// Where a person logs in (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1); who is to be asked again
    /// who they are is not let in silently.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer, or not with a document of its own.
    pub(crate) async fn authorization_url(
        &self,
        seed: &Seed,
        redirect: &str,
        reauthenticates: bool,
        now: Timestamp,
    ) -> Result<String> {
        let metadata = self.metadata(now).await?;
        let config = &self.0.config;
        let (scope, challenge) = (config.scopes.join(" "), seed.challenge());
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", redirect),
            ("scope", &scope),
            ("state", &seed.state),
            ("nonce", &seed.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if reauthenticates {
            // The first makes the ID token tell when they were asked; the second is for those that know no first.
            query.extend([("max_age", "0"), ("prompt", "login")]);
        }
        Ok(with_query(&metadata.authorization_endpoint, &query))
    }

    /// Whether an answer that names this issuer, or none, is the provider's own (RFC 9207 §2.4): one of another provider
    /// that was passed on is not.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer.
    pub(crate) async fn is_own(&self, issuer: Option<&str>, now: Timestamp) -> Result<bool> {
        match issuer {
            Some(issuer) => Ok(issuer == self.issuer()),
            None => Ok(!self.metadata(now).await?.authorization_response_iss_parameter_supported),
        }
    }

    /// Exchanges a code and checks the ID token that comes for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the provider does not answer; [`Error::Unauthenticated`] when it refuses the code, or
    /// the token is not valid.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        seed: &Seed,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", seed.verifier.expose()),
        ];
        match self.exchange(&form, now).await? {
            Exchanged::Tokens(tokens) => {
                let redeemed = self.verify(&tokens, &seed.nonce, None, now).await?;
                redeemed.ok_or_else(|| Error::unavailable(WHAT, "it gave no ID token"))
            }
            Exchanged::Refused => Err(refuse("the provider refused the code")),
        }
    }

    /// Gets the next ID token (OpenID Connect Core 1.0 §12).
    ///
    /// # Errors
    /// As [`redeem`](Self::redeem).
    pub(crate) async fn renew(
        &self,
        login: &Login,
        refresh_token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Renewed> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        match self.exchange(&form, now).await? {
            Exchanged::Tokens(tokens) => {
                let redeemed = self.verify(&tokens, &login.nonce, Some(&login.subject), now).await?;
                let renewed = redeemed.map(|redeemed| Renewed::Redeemed(Box::new(redeemed)));
                Ok(renewed.unwrap_or(Renewed::Tokens(tokens.refresh_token)))
            }
            Exchanged::Refused => Ok(Renewed::Ended),
        }
    }

    /// What the provider tells of them: in the ID token, or else where it is asked for (OpenID Connect Core 1.0 §5.3).
    ///
    /// # Errors
    /// As [`redeem`](Self::redeem).
    pub(crate) async fn profile(&self, redeemed: &Redeemed, now: Timestamp) -> Result<Profile> {
        let Redeemed { claims, access_token, .. } = redeemed;
        let endpoint = self.metadata(now).await?.userinfo_endpoint;
        let Some(endpoint) = endpoint.filter(|_| claims.profile.email.is_none()) else {
            return Ok(claims.profile.clone());
        };
        let reply = self.0.outbound.get_with(WHAT, &endpoint, access_token).await?;
        let told: Told = read(&endpoint, &reply)?;
        if told.sub != claims.sub {
            return Err(refuse("the provider told about somebody else"));
        }
        Ok(told.profile)
    }

    async fn exchange(&self, grant: &[(&str, &str)], now: Timestamp) -> Result<Exchanged> {
        let metadata = self.metadata(now).await?;
        let secret = self.client_secret().await?;
        let client = (&*self.0.config.client_id, &secret);
        let mut form = grant.to_vec();
        let mut header = Some(client);
        if metadata.takes_secret_in_form() {
            form.extend([("client_id", client.0), ("client_secret", secret.expose())]);
            header = None;
        }
        let reply = self.0.outbound.post_form(WHAT, &metadata.token_endpoint, header, &form).await?;
        match reply.status {
            200 => {}
            // Everything else that it may say is about us, and no reason to send anybody away.
            400 if is_invalid_grant(&reply.body) => return Ok(Exchanged::Refused),
            status => return Err(Error::unavailable(WHAT, format!("its token endpoint answered {status}"))),
        }
        let tokens: Tokens = serde_json::from_slice(&reply.body)
            // The parser's message could quote a token.
            .map_err(|error| {
                Error::unavailable(WHAT, format!("its tokens cannot be read: column {}", error.column()))
            })?;
        Ok(Exchanged::Tokens(tokens))
    }

    /// The claims of the ID token, if there is one.
    async fn verify(
        &self,
        tokens: &Tokens,
        nonce: &str,
        renewed_for: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Redeemed>> {
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(refuse("its access token is of another type"));
        }
        let Some(id_token) = &tokens.id_token else { return Ok(None) };
        let text = id_token.expose();
        let header = jsonwebtoken::decode_header(text).map_err(|error| refuse(error.to_string()))?;
        let is_typed = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if !is_typed || header.crit.is_some() {
            return Err(refuse("the header is not that of an ID token"));
        }
        let key =
            self.key(header.kid.as_deref(), now).await?.ok_or_else(|| refuse("no key of its provider"))?;
        let claims: IdClaims = key.verify(text).map_err(|error| refuse(error.to_string()))?;
        let expected = Expected {
            issuer: self.issuer(),
            client_id: &self.0.config.client_id,
            nonce,
            renewed_for,
            access_token: tokens.access_token.expose(),
            algorithm: key.algorithm(),
        };
        claims.check(&expected, now).map_err(|refusal| refuse(refusal.to_string()))?;
        let (refresh_token, access_token) = (tokens.refresh_token.clone(), tokens.access_token.clone());
        Ok(Some(Redeemed { claims, refresh_token, access_token }))
    }

    /// The key of that name, or the only one there is. An unknown name makes the keys be read again, once per cool-down.
    async fn key(&self, kid: Option<&str>, now: Timestamp) -> Result<Option<PublicKey>> {
        let mut known = self.0.keys.lock().await;
        let Some(set) = known.as_mut() else {
            return Ok(known.insert(self.read_keys(now).await?).find(kid).cloned());
        };
        let found = set.find(kid).cloned();
        if !set.is_due(found.is_some(), now) {
            return match set.searched {
                // It may be there: nobody could look.
                Some((_, false)) if found.is_none() => {
                    Err(Error::unavailable(WHAT, "its keys could not be read"))
                }
                _ => Ok(found),
            };
        }
        let read = self.read_keys(now).await;
        if found.is_none() {
            set.searched = Some((now, read.is_ok()));
        }
        match read {
            Ok(read) => {
                *set = KeySet { searched: set.searched, ..read };
                Ok(set.find(kid).cloned())
            }
            // Keys that are known are good for longer than a provider's bad hour: they are asked for again a while later.
            Err(_) if found.is_some() => {
                set.read_at = now - FRESH + COOL_DOWN;
                Ok(found)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_keys(&self, now: Timestamp) -> Result<KeySet> {
        let metadata = self.metadata(now).await?;
        let document: Document = self.read(&metadata.jwks_uri).await?;
        let named = |jwk: &Map<String, Value>| {
            let kid = jwk.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned();
            // What we cannot verify with, keys to encrypt with among them, is left out (RFC 7517 §5).
            Some((kid, PublicKey::read(jwk).ok()?))
        };
        Ok(KeySet { read_at: now, searched: None, keys: document.keys.iter().filter_map(named).collect() })
    }

    async fn metadata(&self, now: Timestamp) -> Result<Metadata> {
        let mut known = self.0.metadata.lock().await;
        if let Some((read_at, metadata)) = &*known
            && now.since(*read_at) < FRESH
        {
            return Ok(metadata.clone());
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer().trim_end_matches('/'));
        let document: Value = self.read(&url).await?;
        let metadata = Metadata::read(document.to_string().as_bytes(), self.issuer())
            .map_err(|error| Error::unavailable(WHAT, error))?;
        *known = Some((now, metadata.clone()));
        Ok(metadata)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T> {
        read(url, &self.0.outbound.get(WHAT, url).await?)
    }

    async fn client_secret(&self) -> Result<Secret<String>> {
        let id = &self.0.clients_secret;
        let text =
            self.0.secrets.get(id).await.map_err(|error| Error::unavailable("our client secrets", error))?;
        let mut secrets: HashMap<String, Secret<String>> = serde_json::from_str(text.expose())
            .map_err(|error| Error::internal("read our client secrets", format!("line {}", error.line())))?;
        let secret = secrets.remove(self.name());
        secret.ok_or_else(|| Error::unavailable("our client secrets", format!("none for {}", self.name())))
    }
}

/// An endpoint, which may have a query of its own, with these parameters. None stands twice (RFC 6749 §3.1): ours count.
fn with_query(endpoint: &str, ours: &[(&str, &str)]) -> String {
    let (base, own) = endpoint.split_once('?').unwrap_or((endpoint, ""));
    let own = form_urlencoded::parse(own.as_bytes());
    let own = own.filter(|(name, _)| ours.iter().all(|(our, _)| our != name));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(ours).finish();
    format!("{base}?{query}")
}

/// The document of a URL, from its answer.
fn read<T: serde::de::DeserializeOwned>(url: &str, reply: &Reply) -> Result<T> {
    if reply.status != 200 {
        return Err(Error::unavailable(WHAT, format!("{url} answered {}", reply.status)));
    }
    serde_json::from_slice(&reply.body)
        // The parser's message could quote what is told about somebody.
        .map_err(|error| Error::unavailable(WHAT, format!("{url}: no such document: line {}", error.line())))
}

/// What a provider tells about somebody (OpenID Connect Core 1.0 §5.3.2).
#[derive(Deserialize)]
struct Told {
    sub: String,
    #[serde(flatten)]
    profile: Profile,
}

/// A key set (RFC 7517 §5).
#[derive(Deserialize)]
struct Document {
    keys: Vec<Map<String, Value>>,
}

impl KeySet {
    fn find(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match kid {
            Some(kid) => self.keys.get(kid),
            None if self.keys.len() == 1 => self.keys.values().next(),
            None => None,
        }
    }

    /// Whether they are read again: they are old, or a key is looked for that is not among them.
    fn is_due(&self, is_found: bool, now: Timestamp) -> bool {
        if is_found {
            now.since(self.read_at) >= FRESH
        } else {
            self.searched.is_none_or(|(searched_at, _)| now.since(searched_at) >= COOL_DOWN)
        }
    }
}

/// Whether the code, or the refresh token, is what is wrong: it may be used, withdrawn, or wait for the person.
fn is_invalid_grant(body: &[u8]) -> bool {
    let denied: Option<Denied> = serde_json::from_slice(body).ok();
    denied.is_some_and(|denied| {
        matches!(
            &*denied.error,
            "invalid_grant" | "interaction_required" | "login_required" | "consent_required"
        )
    })
}

/// Every reason looks alike to the person, and stands in the log.
pub(crate) fn refuse(reason: impl std::fmt::Display) -> Error {
    tracing::info!(%reason, "a login by a provider was refused");
    Error::Unauthenticated("the login at the provider is not valid, or no longer; begin again".into())
}
