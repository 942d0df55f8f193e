//! An ID token's claims and the rules they must meet (OpenID Connect Core 1.0 §3.1.3.7).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use kernel::{Timestamp, claims::CLOCK_SKEW};
use ring::digest::{self, SHA256, SHA512};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::audience::Audience;

/// How old an ID token may be, however long its provider lets it live.
pub const AGE_MAX: Duration = Duration::from_mins(30);

/// The claims of an ID token.
#[derive(Clone, Debug, Deserialize)]
pub struct IdClaims {
    iss: String,
    /// Who it is about, at its issuer.
    pub sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    at_hash: Option<String>,
    /// When the person last showed the provider who they are. Whatever stands here ends no login that did not ask for it.
    auth_time: Option<Value>,
    /// What the provider tells of them, unless it does that elsewhere.
    #[serde(flatten)]
    pub profile: Profile,
}

/// What a provider tells of a person (§5.1): in the ID token, or where they are asked for with the access token (§5.4).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Profile {
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the provider has seen that the address is theirs.
    #[serde(default, deserialize_with = "flag")]
    pub email_verified: bool,
    /// What they call themselves.
    pub preferred_username: Option<String>,
}

/// What a token must be about.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Us.
    pub client_id: &'a str,
    /// The login it is for.
    pub nonce: &'a str,
    /// Whom a renewed one is about: who the first one was. It may leave the nonce out (§12.2).
    pub renewed_for: Option<&'a str>,
    /// The access token that came with it.
    pub access_token: &'a str,
    /// The algorithm of the key that verified it.
    pub algorithm: Algorithm,
}

/// Why an ID token is not accepted. For the log; the person learns only that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `iss` is another.
    #[error("the ID token is another issuer's")]
    Issuer,
    /// `aud` is not us alone.
    #[error("the ID token is for somebody else")]
    Audience,
    /// `azp` is another.
    #[error("the ID token was asked for by somebody else")]
    Party,
    /// `sub` is empty or longer than 255 characters (§2).
    #[error("the ID token's sub has no usable length")]
    Subject,
    /// `sub` of a renewed one is another.
    #[error("the ID token is about somebody else")]
    Person,
    /// `exp` is past, or it is older than [`AGE_MAX`].
    #[error("the ID token has expired")]
    Expired,
    /// `iat` lies in the future.
    #[error("the ID token is from the future")]
    Future,
    /// `nonce` is not that of this login.
    #[error("the ID token is of another login")]
    Nonce,
    /// `at_hash` is not that of the access token.
    #[error("the ID token goes with another access token")]
    AccessToken,
    /// `auth_time` was asked for and is missing, no time, in the future, or before the login began.
    #[error("the provider did not ask the person again who they are")]
    Authentication,
}

impl IdClaims {
    /// Checks every claim.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), Refusal> {
        let is_old = self.exp <= now.seconds() || self.iat <= (now - AGE_MAX).seconds();
        let other_party = self.azp.as_deref().is_some_and(|azp| azp != expected.client_id);
        let at_hash = left_half(expected.algorithm, expected.access_token);
        let other_person = expected.renewed_for.is_some_and(|subject| subject != self.sub);
        let other_login = match &self.nonce {
            Some(nonce) => nonce != expected.nonce,
            None => expected.renewed_for.is_none(),
        };
        let other_token = self.at_hash.as_ref().is_some_and(|hash| *hash != at_hash);
        let broken = [
            (self.iss != expected.issuer, Refusal::Issuer),
            (!self.aud.is_among(&[expected.client_id.to_owned()]), Refusal::Audience),
            (other_party, Refusal::Party),
            (!(1..=255).contains(&self.sub.len()), Refusal::Subject),
            (is_old, Refusal::Expired),
            (self.iat > (now + CLOCK_SKEW).seconds(), Refusal::Future),
            (other_person, Refusal::Person),
            (other_login, Refusal::Nonce),
            (other_token, Refusal::AccessToken),
        ];
        broken.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }

    /// When the person last showed the provider who they are, if it says so: no time of the future.
    pub fn authenticated_at(&self, now: Timestamp) -> Option<Timestamp> {
        let at = Timestamp::from_seconds(self.auth_time.as_ref()?.as_i64()?);
        (at <= now + CLOCK_SKEW).then(|| at.min(now))
    }

    /// Requires that they did so since a login began that asked for it (§3.1.3.7, 13; `max_age` in §3.1.2.1).
    ///
    /// # Errors
    /// [`Refusal::Authentication`].
    pub fn require_authentication(&self, since: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        let earliest = Timestamp::from_seconds((since - CLOCK_SKEW).seconds());
        let at = self.authenticated_at(now);
        at.filter(|at| *at >= earliest).map(|_| ()).ok_or(Refusal::Authentication)
    }

    /// When it ends: by its own word, and after [`AGE_MAX`] at the latest.
    pub fn until(&self) -> Timestamp {
        Timestamp::from_seconds(self.exp).min(Timestamp::from_seconds(self.iat) + AGE_MAX)
    }
}

/// `true`, or the same as text, as some providers write it. Everything else is no.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value == Value::Bool(true) || value == "true")
}

/// `at_hash` (§3.1.3.6): the left half of the token's digest, with the digest of the signature's algorithm, which for
/// Ed25519 is SHA-512.
fn left_half(algorithm: Algorithm, token: &str) -> String {
    let digest = match algorithm {
        Algorithm::EdDSA => digest::digest(&SHA512, token.as_bytes()),
        _ => digest::digest(&SHA256, token.as_bytes()),
    };
    let bytes = digest.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_767_225_600;

    #[test]
    fn each_claim_is_held() {
        let expected = Expected {
            issuer: "https://id.example.com",
            client_id: "us",
            nonce: "n",
            renewed_for: None,
            access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            algorithm: Algorithm::RS256,
        };
        let cases: [(&str, Value, Result<(), Refusal>); 20] = [
            ("right", json!({}), Ok(())),
            // OpenID Connect Core 1.0 appendix A.3.
            ("its access token", json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}), Ok(())),
            ("a list of one", json!({"aud": ["us"], "azp": "us"}), Ok(())),
            ("a clock that is ahead", json!({"iat": NOW + 30}), Ok(())),
            ("its last second", json!({"exp": NOW + 1, "iat": NOW - 1799}), Ok(())),
            ("another issuer", json!({"iss": "https://id.example.com/"}), Err(Refusal::Issuer)),
            ("another audience", json!({"aud": "them"}), Err(Refusal::Audience)),
            ("another audience as well", json!({"aud": ["us", "them"], "azp": "us"}), Err(Refusal::Audience)),
            ("no audience", json!({"aud": []}), Err(Refusal::Audience)),
            ("another party", json!({"azp": "them"}), Err(Refusal::Party)),
            ("nobody", json!({"sub": ""}), Err(Refusal::Subject)),
            ("a long name", json!({"sub": "s".repeat(256)}), Err(Refusal::Subject)),
            ("expired", json!({"exp": NOW}), Err(Refusal::Expired)),
            ("too old", json!({"iat": NOW - 1800}), Err(Refusal::Expired)),
            ("from the future", json!({"iat": NOW + 31}), Err(Refusal::Future)),
            ("another nonce", json!({"nonce": "m"}), Err(Refusal::Nonce)),
            ("no nonce", json!({"nonce": null}), Err(Refusal::Nonce)),
            ("another access token", json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RA"}), Err(Refusal::AccessToken)),
            ("half a hash", json!({"at_hash": "77Qm"}), Err(Refusal::AccessToken)),
            ("times that overflow", json!({"exp": i64::MAX, "iat": i64::MIN}), Err(Refusal::Expired)),
        ];
        for (case, changes, outcome) in cases {
            let claims = claims(&changes);
            assert_eq!(claims.check(&expected, Timestamp::from_seconds(NOW)), outcome, "{case}");
        }
        let renewed = Expected { renewed_for: Some("s"), ..expected };
        for (case, nonce, sub, outcome) in [
            ("the same nonce", json!("n"), "s", Ok(())),
            ("no nonce", json!(null), "s", Ok(())),
            ("another nonce", json!("m"), "s", Err(Refusal::Nonce)),
            ("somebody else", json!("n"), "t", Err(Refusal::Person)),
        ] {
            let claims = claims(&json!({"nonce": nonce, "sub": sub}));
            assert_eq!(claims.check(&renewed, Timestamp::from_seconds(NOW)), outcome, "renewed: {case}");
        }
    }

    fn claims(changes: &Value) -> IdClaims {
        let mut claims = json!({
            "iss": "https://id.example.com", "sub": "s", "aud": "us", "exp": NOW + 3600, "iat": NOW, "nonce": "n"
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn a_person_who_was_to_be_asked_again_was() {
        let (begun, now) = (Timestamp::from_seconds(NOW - 60), Timestamp::from_seconds(NOW));
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        for (case, auth_time, authenticated_at, is_enough) in [
            ("just now", json!(NOW), at(NOW), true),
            ("as it began", json!(NOW - 60), at(NOW - 60), true),
            ("by a clock that is behind", json!(NOW - 90), at(NOW - 90), true),
            ("by a clock that is ahead", json!(NOW + 30), at(NOW), true),
            ("before it began", json!(NOW - 91), at(NOW - 91), false),
            ("in the future", json!(NOW + 31), None, false),
            ("not told", json!(null), None, false),
            ("text", json!(NOW.to_string()), None, false),
            ("a truth", json!(true), None, false),
            ("no whole second", json!(1.5), None, false),
            ("a time that overflows", json!(i64::MAX), None, false),
            ("long before", json!(i64::MIN), at(i64::MIN), false),
        ] {
            let claims = claims(&json!({"auth_time": auth_time}));
            assert_eq!(claims.authenticated_at(now), authenticated_at, "{case}");
            assert_eq!(claims.require_authentication(begun, now).is_ok(), is_enough, "{case}");
        }
    }

    #[test]
    fn it_ends_by_its_own_word_and_after_half_an_hour() {
        for (exp, until) in [(NOW + 300, NOW + 300), (NOW + 3600, NOW + 1800), (i64::MAX, NOW + 1800)] {
            assert_eq!(claims(&json!({"exp": exp})).until(), Timestamp::from_seconds(until));
        }
    }

    #[test]
    fn an_address_is_verified_only_when_it_says_so() {
        for (value, is_verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("yes"), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            assert_eq!(
                claims(&json!({"email_verified": value})).profile.email_verified,
                is_verified,
                "{value}"
            );
        }
        assert!(!claims(&json!({})).profile.email_verified);
    }
}
