//! Who is asking.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Permission,
    id::{Id as _, SessionId, TenantId, UserId},
};

/// A role within a tenant, lowest first; and `operator`, the platform's own role above all tenants.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and works.
    Member,
    /// Manages members and settings.
    Admin,
    /// Owns the tenant.
    Owner,
    /// Runs the platform.
    Operator,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner, Self::Operator];

    /// The role's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error)]
#[error("must be one of viewer, member, admin, owner")]
pub struct ParseRoleError;

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(ParseRoleError)
    }
}

crate::text_input!(Role);

/// What kind of caller a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A machine with its own credentials.
    ServiceAccount,
    /// An API key.
    ApiKey,
    /// Whoever holds the admin secret.
    Administrator,
    /// The platform itself: first start, workers, sweepers.
    System,
    /// Nobody yet: registration, password reset.
    Anonymous,
}

impl PrincipalKind {
    /// The kind's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ServiceAccount => "service_account",
            Self::ApiKey => "api_key",
            Self::Administrator => "administrator",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A way in: what a caller shows to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// A person's access token in `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// The same token in a browser's cookie, with the CSRF token beside it on unsafe methods.
    Cookie,
    /// An API key in `X-Api-Key`.
    ApiKey,
    /// A service account's access token in `Authorization: Bearer`.
    ServiceToken,
    /// The admin secret in `Authorization: Basic` (RFC 7617).
    Basic,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Bearer, Self::Cookie, Self::ApiKey, Self::ServiceToken, Self::Basic];

    /// The way in words that fit behind "with".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "an access token",
            Self::Cookie => "a cookie session",
            Self::ApiKey => "an API key",
            Self::ServiceToken => "a service account's token",
            Self::Basic => "the admin secret",
        }
    }

    /// Its name among the document's security schemes (OpenAPI 3.1 §4.8.27).
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
            Self::ApiKey => "api_key",
            Self::ServiceToken => "service_token",
            Self::Basic => "basic",
        }
    }
}

/// Who is asking, for which tenant, with which powers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// The account, service account or key; nil for system and anonymous.
    pub id: Uuid,
    /// The tenant it acts in.
    pub tenant_id: TenantId,
    /// Its role there.
    pub role: Role,
    /// What it was narrowed to; see [`Scopes`].
    pub scopes: Scopes,
    /// The login session, for people.
    pub session_id: Option<SessionId>,
}

impl Principal {
    /// The person behind it, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        (self.kind == PrincipalKind::User).then(|| UserId::from_uuid(self.id))
    }

    /// Whether it may: its role grants the permission and its scopes do not withhold it.
    pub fn may(&self, permission: Permission) -> bool {
        permission.granted_to(self.role) && self.scopes.include(permission)
    }
}

/// What a token was narrowed to (`scope`, RFC 6749 §3.3): `full`, or permission names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Scopes {
    /// Everything its role grants.
    Full,
    /// Only these permissions.
    Only(Vec<Permission>),
}

impl Scopes {
    /// Whether the permission is within.
    pub fn include(&self, permission: Permission) -> bool {
        match self {
            Self::Full => true,
            Self::Only(permissions) => permissions.contains(&permission),
        }
    }

    /// Reads the claim. Names nobody knows grant nothing.
    pub fn parse(claim: &str) -> Self {
        if claim == "full" {
            return Self::Full;
        }
        Self::Only(claim.split(' ').filter_map(|name| name.parse().ok()).collect())
    }

    /// The names, in the claim's order.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Full => vec!["full"],
            Self::Only(permissions) => permissions.iter().map(|permission| permission.name()).collect(),
        }
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.names().join(" ")
    }
}

impl From<String> for Scopes {
    fn from(claim: String) -> Self {
        Self::parse(&claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::Viewer < Role::Member && Role::Member < Role::Admin && Role::Admin < Role::Owner);
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn unknown_scopes_grant_nothing() {
        let scopes = Scopes::parse("members:read everything");
        assert!(scopes.include(Permission::MembersRead));
        assert!(!scopes.include(Permission::MembersWrite));
        assert!(!Scopes::parse("").include(Permission::MembersRead));
    }
}
