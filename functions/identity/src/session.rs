//! A login session: one refresh-token family and what its owner should know about it.

pub(crate) mod store;

use std::net::IpAddr;

use kernel::{
    Principal, PrincipalKind, Role, Timestamp,
    claims::ACCESS_TOKEN_LIFETIME,
    id::{Id as _, SessionId, TenantId, UserId},
    principal::Scopes,
};
use serde::{Deserialize, Serialize};

use crate::{refresh::Family, user::User};

/// How a session's tokens travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// In bodies and headers.
    Token,
    /// In cookies of a browser.
    Cookie,
}

/// The text names no kind of session.
#[derive(Debug, thiserror::Error)]
#[error("must be token or cookie")]
pub struct ParseSessionKindError;

impl std::str::FromStr for SessionKind {
    type Err = ParseSessionKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "token" => Ok(Self::Token),
            "cookie" => Ok(Self::Cookie),
            _ => Err(ParseSessionKindError),
        }
    }
}

kernel::text_input!(SessionKind);

/// A login session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its refresh tokens. The family's id is the session's.
    pub family: Family,
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// How its tokens travel.
    pub mode: SessionKind,
    /// The account's [`User::sessions_valid_from`] that it was begun under: under a later one it is over.
    pub valid_from: Timestamp,
    /// Until when the provider it began at vouches for it: no access token outlives that. `None` of a login by password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_until: Option<Timestamp>,
    /// When the provider it began at last asked its owner who they are, as the ID token told then: a login may be silent.
    /// A renewal does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated_at: Option<Timestamp>,
    /// Where the login came from.
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: String,
}

impl Session {
    /// Whoever has a refresh token of it: the person that the session is of, who may do nothing but what the token is for.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            kind: PrincipalKind::User,
            id: self.user_id.uuid(),
            tenant_id: self.tenant_id,
            role: Role::Viewer,
            scopes: Scopes::Only(Vec::new()),
            session_id: Some(self.id()),
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.family.id
    }

    /// When the access token ends that its last rotation gave out.
    pub fn access_until(&self) -> Timestamp {
        let until = Timestamp::from_seconds(self.family.rotated_at.seconds()) + ACCESS_TOKEN_LIFETIME;
        self.vouched_until.map_or(until, |vouched| until.min(vouched))
    }

    /// Whether its refresh token can still be used.
    pub fn is_alive(&self, user: &User, now: Timestamp) -> bool {
        self.family.is_alive(now) && self.valid_from >= user.sessions_valid_from
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "is_current": true, "kind": "token",
    "tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f", "ip": "203.0.113.7", "user_agent": "curl/8.5.0",
    "created_at": "2026-01-31T12:00:00.000Z", "last_used_at": "2026-01-31T12:00:00.000Z", "expires_at": "2026-03-02T12:00:00.000Z"
}))]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whether this request came with it.
    pub is_current: bool,
    /// How its tokens travel.
    pub kind: SessionKind,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// Where the login came from.
    #[schema(value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: String,
    /// When the login was.
    pub created_at: Timestamp,
    /// When its tokens were last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unused.
    pub expires_at: Timestamp,
}

impl SessionView {
    /// The view for somebody whose own session is `current`.
    pub fn new(session: &Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id(),
            is_current: current == Some(session.id()),
            kind: session.mode,
            tenant_id: session.tenant_id,
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            created_at: session.family.created_at,
            last_used_at: session.family.rotated_at,
            expires_at: session.family.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::id::Id as _;
    use platform::keyring::AppKeys;
    use uuid::Uuid;

    use super::*;
    use crate::{refresh::RefreshKeys, user};

    #[test]
    fn a_login_that_has_read_the_old_password_does_not_outlive_it() {
        let tenant_id = TenantId::from_uuid(Uuid::from_u128(1));
        let user = user::tests::user(tenant_id);
        let keys =
            AppKeys::from_json(&format!(r#"{{"current": "k1", "k1": "{}"}}"#, "x".repeat(40))).unwrap();
        let (changed_at, logged_in_at) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
        let id = SessionId::from_uuid(Uuid::from_u128(2));
        let (_, family) = Family::begin(id, [1; 32], &RefreshKeys::from(&keys), "kid", logged_in_at);
        let session = |valid_from| Session {
            family: family.clone(),
            user_id: user.id,
            tenant_id,
            mode: SessionKind::Token,
            valid_from,
            vouched_until: None,
            authenticated_at: None,
            ip: None,
            user_agent: String::new(),
        };
        let changed = user.clone().without_sessions(changed_at);
        let (before, after) = (session(user.sessions_valid_from), session(changed.sessions_valid_from));
        assert!(before.is_alive(&user, logged_in_at));
        assert!(!before.is_alive(&changed, logged_in_at), "its clock says that it came later");
        assert!(after.is_alive(&changed, logged_in_at));
        assert!(!after.is_alive(&changed, logged_in_at + Duration::from_hours(31 * 24)));
    }
}
