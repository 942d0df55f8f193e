//! What a key may be given. Pure.

use std::num::NonZeroU32;

use ipnet::IpNet;
use kernel::{Error, Permission, Result, Role, Timestamp, input::Whole, principal::Way};

use crate::cidr::Cidr;

/// Requests a minute of a key that nobody gave a rate.
pub(crate) const RATE_DEFAULT: u32 = 60;

/// The most requests a minute, and at once: one each millisecond.
pub(crate) type PerMinute = Whole<1, 60_000>;

/// How many ranges of addresses a key may have.
const CIDRS_MAX: usize = 50;

/// A rate that nobody left out.
pub(crate) fn rate(given: Option<PerMinute>, default: NonZeroU32) -> NonZeroU32 {
    given.and_then(|given| NonZeroU32::new(given.get())).unwrap_or(default)
}

/// A key's role: that of a member unless told. Who owns a tenant and who runs the platform are people.
///
/// # Errors
/// [`Error::Invalid`] for a role that is a person's.
pub(crate) fn role(given: Option<Role>) -> Result<Role> {
    match given.unwrap_or(Role::Member) {
        role @ (Role::Viewer | Role::Member | Role::Admin) => Ok(role),
        Role::Owner | Role::Operator => Err(Error::invalid("/role", "must be viewer, member or admin")),
    }
}

/// What a key is narrowed to: everything that its role may do with a key unless told.
///
/// # Errors
/// [`Error::Invalid`] for what its role is not granted, what no key may do, and nothing at all.
pub(crate) fn scopes(given: Option<Vec<Permission>>, role: Role) -> Result<Vec<Permission>> {
    let is_possible = |permission: Permission| permission.granted_to(role) && permission.open_to(Way::ApiKey);
    let Some(mut scopes) = given else {
        return Ok(Permission::ALL.iter().copied().filter(|permission| is_possible(*permission)).collect());
    };
    if scopes.is_empty() {
        return Err(Error::invalid(
            "/scopes",
            "must not be empty; leave it out for everything the role grants",
        ));
    }
    if let Some(index) = scopes.iter().position(|permission| !is_possible(*permission)) {
        let detail = format!("{} is not open to an API key with the role {role}", scopes[index]);
        return Err(Error::invalid(format!("/scopes/{index}"), detail));
    }
    scopes.sort_by_key(|permission| permission.name());
    scopes.dedup();
    Ok(scopes)
}

/// Where a key may be used from.
///
/// # Errors
/// [`Error::Invalid`] for more ranges than are looked at with each request.
pub(crate) fn cidrs(given: Vec<Cidr>) -> Result<Vec<IpNet>> {
    if given.len() > CIDRS_MAX {
        return Err(Error::invalid("/cidrs", format!("must be at most {CIDRS_MAX} ranges")));
    }
    Ok(given.into_iter().map(|Cidr(range)| range).collect())
}

/// When a key ends.
///
/// # Errors
/// [`Error::Invalid`] for a time that is past.
pub(crate) fn expiry(at: Timestamp, now: Timestamp) -> Result<Timestamp> {
    if at <= now { Err(Error::invalid("/expires_at", "must lie in the future")) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(error: Error) -> String {
        match error {
            Error::Invalid(faults) => faults[0].pointer.clone(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_key_gets_no_person_s_role() {
        assert_eq!(role(None).unwrap(), Role::Member);
        for given in Role::ALL {
            assert_eq!(role(Some(given)).is_ok(), given <= Role::Admin, "{given}");
        }
    }

    #[test]
    fn scopes_are_within_the_role_and_open_to_keys() {
        let all = scopes(None, Role::Member).unwrap();
        assert!(all.contains(&Permission::MembersRead) && !all.contains(&Permission::MembersWrite));
        assert!(!all.contains(&Permission::ProfileWrite) && !all.contains(&Permission::ApiKeysWrite));
        let twice = vec![Permission::TenantsRead, Permission::MembersRead, Permission::TenantsRead];
        assert_eq!(
            scopes(Some(twice), Role::Viewer).unwrap(),
            [Permission::MembersRead, Permission::TenantsRead]
        );
        for (given, at) in [
            (vec![], "/scopes"),
            (vec![Permission::MembersRead, Permission::MembersWrite], "/scopes/1"),
            (vec![Permission::ProfileRead], "/scopes/0"),
            (vec![Permission::ApiKeysRead], "/scopes/0"),
        ] {
            assert_eq!(pointer(scopes(Some(given.clone()), Role::Member).unwrap_err()), at, "{given:?}");
        }
    }

    #[test]
    fn a_key_ends_in_the_future() {
        let now = Timestamp::from_seconds(1000);
        for (at, is_right) in [(999, false), (1000, false), (1001, true)] {
            assert_eq!(expiry(Timestamp::from_seconds(at), now).is_ok(), is_right, "{at}");
        }
    }
}
