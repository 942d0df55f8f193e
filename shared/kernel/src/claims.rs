//! The claims of an access token (RFC 9068) and the rules they must meet.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Principal, PrincipalKind, Role, Timestamp,
    id::{Id as _, ServiceAccountId, SessionId, TenantId, TokenId, UserId},
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
#[serde(try_from = "WireClaims", into = "WireClaims")]
pub struct AccessClaims {
    /// Who issued it: the public base URL.
    pub iss: String,
    /// For whom: the API.
    pub aud: String,
    /// This token.
    pub jti: TokenId,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
    /// Whom it speaks for: `sub`, with `sid` or `client_id`.
    pub holder: Holder,
    /// The tenant.
    pub tid: TenantId,
    /// The role in that tenant.
    pub role: Role,
    /// What the token was narrowed to.
    pub scope: String,
}

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A person in a login session: `sub` and `sid`.
    User(UserId, SessionId),
    /// A machine: `sub`, which is its `client_id` too (RFC 9068 §2.2).
    ServiceAccount(ServiceAccountId),
}

/// The claims as they travel.
#[derive(Serialize, Deserialize)]
struct WireClaims {
    iss: String,
    aud: String,
    sub: String,
    jti: TokenId,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<ServiceAccountId>,
    tid: TenantId,
    role: Role,
    scope: String,
}

/// The token speaks for nobody, or for two.
#[derive(Debug, thiserror::Error)]
#[error("sub goes with either sid or an equal client_id")]
pub struct HolderError;

impl TryFrom<WireClaims> for AccessClaims {
    type Error = HolderError;

    fn try_from(wire: WireClaims) -> Result<Self, HolderError> {
        let holder = match (wire.sid, wire.client_id) {
            (Some(session), None) => Holder::User(wire.sub.parse().map_err(|_| HolderError)?, session),
            (None, Some(client)) if client.to_string() == wire.sub => Holder::ServiceAccount(client),
            _ => return Err(HolderError),
        };
        let WireClaims { iss, aud, jti, iat, exp, tid, role, scope, .. } = wire;
        Ok(Self { iss, aud, jti, iat, exp, holder, tid, role, scope })
    }
}

impl From<AccessClaims> for WireClaims {
    fn from(claims: AccessClaims) -> Self {
        let (sub, sid, client_id) = match claims.holder {
            Holder::User(user, session) => (user.to_string(), Some(session), None),
            Holder::ServiceAccount(client) => (client.to_string(), None, Some(client)),
        };
        let AccessClaims { iss, aud, jti, iat, exp, tid, role, scope, .. } = claims;
        Self { iss, aud, sub, jti, iat, exp, sid, client_id, tid, role, scope }
    }
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

    /// The login session, for people.
    pub fn session_id(&self) -> Option<SessionId> {
        match self.holder {
            Holder::User(_, session) => Some(session),
            Holder::ServiceAccount(_) => None,
        }
    }

    /// What all tokens of one login have in common, or of one service account: by it the signing key is chosen.
    pub fn line(&self) -> Uuid {
        match self.holder {
            Holder::User(_, session) => session.uuid(),
            Holder::ServiceAccount(account) => account.uuid(),
        }
    }

    /// The caller the token speaks for.
    pub fn principal(&self) -> Principal {
        let (kind, id) = match self.holder {
            Holder::User(user, _) => (PrincipalKind::User, user.uuid()),
            Holder::ServiceAccount(account) => (PrincipalKind::ServiceAccount, account.uuid()),
        };
        Principal {
            kind,
            id,
            tenant_id: self.tid,
            role: self.role,
            scopes: Scopes::parse(&self.scope),
            session_id: self.session_id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: "https://a".into(),
            aud: "api".into(),
            jti: TokenId::from_uuid(Uuid::nil()),
            iat: 1000,
            exp: 1900,
            holder: Holder::User(UserId::from_uuid(Uuid::nil()), SessionId::from_uuid(Uuid::nil())),
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

    #[test]
    fn a_token_speaks_for_a_person_or_a_machine_and_never_for_both() {
        let (id, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let machine = AccessClaims {
            holder: Holder::ServiceAccount(ServiceAccountId::from_uuid(id)),
            scope: "members:read".into(),
            ..claims()
        };
        for claims in [claims(), machine.clone()] {
            let wire = serde_json::to_string(&claims).unwrap();
            assert_eq!(serde_json::from_str::<AccessClaims>(&wire).unwrap(), claims, "{wire}");
        }
        let wire = serde_json::to_value(&machine).unwrap();
        assert_eq!((&wire["sub"], &wire["client_id"]), (&id.to_string().into(), &id.to_string().into()));
        assert_eq!(machine.principal().kind, PrincipalKind::ServiceAccount);
        assert_eq!((machine.principal().id, machine.session_id()), (id, None));
        for (case, field, value) in [
            ("a session as well", "sid", Some(other.to_string())),
            ("another client", "client_id", Some(other.to_string())),
            ("neither", "client_id", None),
            ("a subject that is no id", "sub", Some("olga".to_owned())),
        ] {
            let mut wrong = wire.clone();
            match value {
                Some(value) => wrong[field] = value.into(),
                None => drop(wrong.as_object_mut().unwrap().remove(field)),
            }
            assert!(serde_json::from_value::<AccessClaims>(wrong).is_err(), "{case}");
        }
    }
}
