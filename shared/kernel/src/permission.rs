//! The one table of permissions: each route names one, each role is granted some, and each says by which ways a caller
//! may come to use it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Role, principal::Way};

/// A permission as a type: `Allowed<P>` in a handler's signature is how a route names its permission.
pub trait Permit: Send + Sync + 'static {
    /// The permission this type stands for.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $roles:expr, $ways:expr;)*) => {
        /// What a principal may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$doc])* $name),* }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in tokens and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            const fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => $roles),* }
            }

            /// The ways by which a caller may come who uses it.
            pub const fn ways(self) -> &'static [Way] {
                match self { $(Self::$name => $ways),* }
            }
        }

        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
        impl Permit for $name { const PERMISSION: Permission = Permission::$name; })*
    };
}

const EVERY_ROLE: &[Role] = &Role::ALL;
const MEMBERS: &[Role] = &[Role::Member, Role::Admin, Role::Owner, Role::Operator];
const ADMINS: &[Role] = &[Role::Admin, Role::Owner, Role::Operator];
const OPERATORS: &[Role] = &[Role::Operator];

/// What is about the caller's own account, which only people have.
const PEOPLE: &[Way] = &[Way::Bearer, Way::Cookie];
const EVERY_ACCOUNT: &[Way] = &[Way::Bearer, Way::Cookie, Way::ApiKey, Way::ServiceToken];
/// What makes accounts that outlive the caller's credential: not for API keys, whose networks, rate and end would bind
/// nobody any more.
const LASTING: &[Way] = &[Way::Bearer, Way::Cookie, Way::ServiceToken];
/// What is done under `/admin`.
const ADMINISTRATION: &[Way] = &[Way::Bearer, Way::Cookie, Way::Basic];

permissions! {
    /// See who one is.
    PrincipalRead = "principal:read" => EVERY_ROLE, EVERY_ACCOUNT;
    /// See one's own account, tenants and sessions.
    ProfileRead = "profile:read" => EVERY_ROLE, PEOPLE;
    /// Change or erase one's own account; end one's sessions.
    ProfileWrite = "profile:write" => EVERY_ROLE, PEOPLE;
    /// See the accounts of the tenant's members; for operators, of everyone.
    UsersRead = "users:read" => ADMINS, EVERY_ACCOUNT;
    /// Suspend, reinstate or rename any account.
    UsersWrite = "users:write" => OPERATORS, EVERY_ACCOUNT;
    /// See the tenant.
    TenantsRead = "tenants:read" => EVERY_ROLE, EVERY_ACCOUNT;
    /// Make a new tenant, of which one becomes the owner.
    TenantsCreate = "tenants:create" => EVERY_ROLE, PEOPLE;
    /// Change the tenant.
    TenantsWrite = "tenants:write" => ADMINS, EVERY_ACCOUNT;
    /// See who belongs to the tenant.
    MembersRead = "members:read" => EVERY_ROLE, EVERY_ACCOUNT;
    /// Add, change and remove members.
    MembersWrite = "members:write" => ADMINS, EVERY_ACCOUNT;
    /// See API keys and how they are used.
    ApiKeysRead = "api_keys:read" => OPERATORS, ADMINISTRATION;
    /// Make, change, rotate and delete API keys.
    ApiKeysWrite = "api_keys:write" => OPERATORS, ADMINISTRATION;
    /// See the tenant's service accounts.
    ServiceAccountsRead = "service_accounts:read" => ADMINS, EVERY_ACCOUNT;
    /// Make and remove service accounts, their secrets and their keys.
    ServiceAccountsWrite = "service_accounts:write" => ADMINS, LASTING;
    /// See what was done in the tenant; for operators, in every tenant.
    AuditRead = "audit:read" => ADMINS, EVERY_ACCOUNT;
    /// See the tenant's jobs.
    JobsRead = "jobs:read" => EVERY_ROLE, EVERY_ACCOUNT;
    /// Ask for jobs, cancel them, and ask for them again.
    JobsWrite = "jobs:write" => MEMBERS, EVERY_ACCOUNT;
    /// See what could not be delivered, or failed for good.
    DeadLettersRead = "dead_letters:read" => OPERATORS, ADMINISTRATION;
    /// Give it another try.
    DeadLettersWrite = "dead_letters:write" => OPERATORS, ADMINISTRATION;
    /// Read the whole log, with the entries of every tenant.
    AuditVerify = "audit:verify" => OPERATORS, EVERY_ACCOUNT;
}

impl Permission {
    /// Whether the table grants it to a role. What the table does not say is denied.
    pub fn granted_to(self, role: Role) -> bool {
        self.roles().contains(&role)
    }

    /// Whether a caller who came by this way may use it.
    pub fn open_to(self, way: Way) -> bool {
        self.ways().contains(&way)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no permission.
#[derive(Debug, thiserror::Error)]
#[error("must be the name of a permission, like members:read")]
pub struct ParsePermissionError;

impl FromStr for Permission {
    type Err = ParsePermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|permission| permission.name() == text).ok_or(ParsePermissionError)
    }
}

crate::text_input!(Permission);

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_tenant_role_never_loses_what_a_lower_one_has() {
        for permission in Permission::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(
                    !permission.granted_to(pair[0]) || permission.granted_to(pair[1]),
                    "{permission}: {} has it, {} does not",
                    pair[0],
                    pair[1]
                );
            }
        }
    }

    #[test]
    fn names_are_unique_and_read_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse::<Permission>().unwrap(), *permission);
        }
    }
}
