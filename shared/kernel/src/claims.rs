//! The claims of an access token (RFC 9068) and the rules they must meet.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Principal, PrincipalKind, Role, Timestamp,
    id::{Id as _, SessionId, TenantId, TokenId, UserId},
    principal::Scopes,
};

/// How long an access token lives.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// How far two clocks may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// The `typ` of an access token's header (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: the public base URL.
    pub iss: String,
    /// For whom: the API.
    pub aud: String,
    /// The account.
    pub sub: UserId,
    /// This token.
    pub jti: TokenId,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
    /// The login session.
    pub sid: SessionId,
    /// The tenant.
    pub tid: TenantId,
    /// The role in that tenant.
    pub role: Role,
    /// What the token was narrowed to.
    pub scope: String,
}

/// What the verifier expects.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The issuer.
    pub issuer: String,
    /// The audience.
    pub audience: String,
}

/// Why a token is not accepted. For the log; the caller learns only that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `iss` is another.
    #[error("another issuer")]
    Issuer,
    /// `aud` is another.
    #[error("another audience")]
    Audience,
    /// `exp` is past.
    #[error("expired")]
    Expired,
    /// `iat` lies in the future.
    #[error("issued in the future")]
    Future,
    /// It lives longer than any token of ours.
    #[error("lives too long")]
    Lifetime,
}

impl AccessClaims {
    /// Checks issuer, audience and times (RFC 9068 §4) with [`CLOCK_SKEW`] of tolerance for `iat` only:
    /// an expired token is expired.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, expected: &Expected, now: Timestamp) -> Result<(), ClaimsError> {
        let lifetime = i64::try_from(ACCESS_TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        let broken = [
            (self.iss != expected.issuer, ClaimsError::Issuer),
            (self.aud != expected.audience, ClaimsError::Audience),
            (self.exp <= now.seconds(), ClaimsError::Expired),
            (self.iat > (now + CLOCK_SKEW).seconds(), ClaimsError::Future),
            (self.exp.saturating_sub(self.iat) > lifetime, ClaimsError::Lifetime),
        ];
        broken.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, error)| Err(error))
    }

    /// The caller the token speaks for.
    pub fn principal(&self) -> Principal {
        Principal {
            kind: PrincipalKind::User,
            id: self.sub.uuid(),
            tenant_id: self.tid,
            role: self.role,
            scopes: Scopes::parse(&self.scope),
            session_id: Some(self.sid),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: "https://a".into(),
            aud: "api".into(),
            sub: UserId::from_uuid(Uuid::nil()),
            jti: TokenId::from_uuid(Uuid::nil()),
            iat: 1000,
            exp: 1900,
            sid: SessionId::from_uuid(Uuid::nil()),
            tid: TenantId::from_uuid(Uuid::nil()),
            role: Role::Member,
            scope: "full".into(),
        }
    }

    #[test]
    fn each_rule_is_held() {
        let expected = Expected { issuer: "https://a".into(), audience: "api".into() };
        let cases: [(&str, AccessClaims, i64, Result<(), ClaimsError>); 9] = [
            ("right", claims(), 1000, Ok(())),
            ("last second", claims(), 1899, Ok(())),
            ("expired", claims(), 1900, Err(ClaimsError::Expired)),
            ("skewed clock", claims(), 970, Ok(())),
            ("future", claims(), 969, Err(ClaimsError::Future)),
            ("issuer", AccessClaims { iss: "https://b".into(), ..claims() }, 1000, Err(ClaimsError::Issuer)),
            ("audience", AccessClaims { aud: "web".into(), ..claims() }, 1000, Err(ClaimsError::Audience)),
            ("lifetime", AccessClaims { exp: 1901, ..claims() }, 1000, Err(ClaimsError::Lifetime)),
            (
                "overflow",
                AccessClaims { iat: i64::MIN, exp: i64::MAX, ..claims() },
                1000,
                Err(ClaimsError::Lifetime),
            ),
        ];
        for (name, claims, now, outcome) in cases {
            assert_eq!(claims.check(&expected, Timestamp::from_seconds(now)), outcome, "{name}");
        }
    }
}
