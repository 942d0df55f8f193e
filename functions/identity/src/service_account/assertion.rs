//! Client assertions (RFC 7523): a token that a service account makes and signs to say who it is.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Timestamp, claims::CLOCK_SKEW, id::ServiceAccountId};
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::{ServiceAccount, credential::ClientKey, store::UsedAssertion};
use crate::audience::Audience;

/// How long an assertion may live: for as long its `jti` is remembered.
pub const LIFETIME_MAX: Duration = Duration::from_mins(5);

/// How long an assertion may be, in bytes. The longest signature, RSA's of 8192 bits, has 1366.
const BYTES_MAX: usize = 4096;

/// How long a `jti` may be, in bytes.
const JTI_MAX: usize = 256;

/// The `typ` that an assertion may have (RFC 8725 §3.11): no token of another kind passes for one.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// An assertion that nobody has checked yet.
#[derive(Debug)]
pub struct Assertion<'a> {
    text: &'a str,
    kid: Option<String>,
    client: ServiceAccountId,
}

/// Why an assertion is not accepted. For the log; the client learns only that it is not.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no JWT of the right type and length, or does not say whose it is.
    #[error("the assertion is malformed")]
    Form,
    /// It names no key of the account.
    #[error("the assertion's kid is none of the account's")]
    Key,
    /// The signature or the algorithm is not the key's, or a claim is missing.
    #[error("the assertion does not verify: {0}")]
    Signature(#[from] jsonwebtoken::errors::Error),
    /// `iss` and `sub` are not both the account.
    #[error("the assertion is not the account's own")]
    Client,
    /// `aud` is, or is also, somebody else.
    #[error("the assertion is for somebody else")]
    Audience,
    /// Its time is over, or has not begun.
    #[error("the assertion has expired, or is not valid yet")]
    Time,
    /// It lives longer than its `jti` is remembered.
    #[error("the assertion lives too long")]
    Lifetime,
    /// `jti` is empty or too long.
    #[error("the assertion's jti has no usable length")]
    Id,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    jti: String,
}

impl<'a> Assertion<'a> {
    /// Reads who an assertion says it is from.
    ///
    /// # Errors
    /// [`Refusal::Form`].
    pub fn read(text: &'a str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Subject {
            sub: ServiceAccountId,
        }
        let header = Some(text).filter(|text| text.len() <= BYTES_MAX);
        let header = header.and_then(|text| jsonwebtoken::decode_header(text).ok()).ok_or(Refusal::Form)?;
        let is_typed =
            header.typ.as_deref().is_none_or(|typ| TYPES.iter().any(|it| typ.eq_ignore_ascii_case(it)));
        // We know no critical extensions (RFC 7515 §4.1.11).
        if !is_typed || header.crit.is_some() {
            return Err(Refusal::Form);
        }
        let payload = text.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        let subject: Option<Subject> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
        let client = subject.ok_or(Refusal::Form)?.sub;
        Ok(Self { text, kid: header.kid, client })
    }

    /// The account it says it is from.
    pub fn client(&self) -> ServiceAccountId {
        self.client
    }

    /// Checks signature and claims (RFC 7523 §3) with the account's own key, whose algorithm it has to be. What it
    /// returns is stored with whatever the assertion is good for, on the condition that it was not: so it is used once.
    ///
    /// # Errors
    /// [`Refusal`]; all of them look alike to the client.
    pub(crate) fn verify(
        &self,
        account: &ServiceAccount,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<UsedAssertion, Refusal> {
        let key = self.key(account).ok_or(Refusal::Key)?;
        let claims: Claims = key.public.verify(self.text)?;
        claims.check(account.id, audiences, now)?;
        Ok(UsedAssertion {
            account_id: account.id,
            jti_hash: URL_SAFE_NO_PAD.encode(digest(&SHA256, claims.jti.as_bytes())),
            expires_at: Timestamp::from_seconds(claims.exp),
        })
    }

    /// The key that `kid` names; without one, the account's only key.
    fn key<'b>(&self, account: &'b ServiceAccount) -> Option<&'b ClientKey> {
        match (&self.kid, &account.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid == *kid),
            (None, [key]) => Some(key),
            (None, _) => None,
        }
    }
}

impl Claims {
    fn check(&self, client: ServiceAccountId, audiences: &[String], now: Timestamp) -> Result<(), Refusal> {
        let client = client.to_string();
        let lifetime = i64::try_from(LIFETIME_MAX.as_secs()).unwrap_or(i64::MAX);
        let latest = (now + CLOCK_SKEW).seconds();
        let is_timely =
            self.exp > now.seconds() && self.iat <= latest && self.nbf.is_none_or(|nbf| nbf <= latest);
        let broken = [
            (self.iss != client || self.sub != client, Refusal::Client),
            (!self.aud.is_among(audiences), Refusal::Audience),
            (!is_timely, Refusal::Time),
            (self.exp.saturating_sub(self.iat) > lifetime, Refusal::Lifetime),
            (!(1..=JTI_MAX).contains(&self.jti.len()), Refusal::Id),
        ];
        broken.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}

#[cfg(test)]
mod tests;
