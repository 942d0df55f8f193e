//! Which account somebody at a provider has here.

use kernel::{Error, Result, Timestamp, id::UserId};
use platform::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use store::{Entity, Index, Key, Query, Table};

use super::id_token::Profile;
use crate::{IDENTITY_TABLE, email::Email, user::User, username::Username};

/// The links of an account.
const BY_USER: Index = Index("gsi1");

/// Somebody at a provider, and their account here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The provider's issuer: its name here may change.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// Their account.
    pub user_id: UserId,
    /// When they first came.
    pub created_at: Timestamp,
}

impl Link {
    pub(crate) fn key_of(issuer: &str, subject: &str) -> Key {
        // Hashed, because a subject may be long and an issuer may hold the separator.
        let mut name = issuer.as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(subject.as_bytes());
        Key::new(format!("oidc_link#{}", sha256_hex(&name)), "link")
    }

    /// The links of an account.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::index(BY_USER, format!("user#{user_id}"), "oidc_link#")
    }
}

impl Entity for Link {
    const KIND: &'static str = "oidc_link";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.issuer, &self.subject)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_USER, Key::new(format!("user#{}", self.user_id), self.key().pk))]
    }
}

/// What is done with somebody who has shown who they are at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Their e-mail address has an account, which is theirs.
    Adopt,
    /// They get an account.
    Create(Email),
}

/// Decides on somebody who was not here before, from the account with their e-mail address, if there is one. An address
/// counts only where both sides have seen that it is theirs: otherwise whoever registers it first would share the account.
///
/// # Errors
/// [`Error::Forbidden`] when the provider does not vouch for an address; [`Error::Conflict`] when the account here has
/// not verified it.
pub fn decide(profile: &Profile, same_email: Option<&User>) -> Result<Decision> {
    let email = verified_email(profile).ok_or_else(|| {
        Error::Forbidden("the provider does not vouch for an e-mail address of yours".into())
    })?;
    match same_email {
        None => Ok(Decision::Create(email)),
        Some(user) if user.email_verified_at.is_some() => Ok(Decision::Adopt),
        Some(_) => Err(Error::conflict(
            "email_unverified",
            "an account has this e-mail address and has not verified it; reset its password by mail, which verifies it, and come again",
        )),
    }
}

/// The address that the provider has seen to be theirs.
pub fn verified_email(profile: &Profile) -> Option<Email> {
    profile.email.as_deref().filter(|_| profile.email_verified)?.parse().ok()
}

/// A username for somebody new: what they are called there, as far as it can be, made unique.
pub fn username(profile: &Profile, email: &Email, random: [u8; 4]) -> Username {
    let wanted = profile.preferred_username.as_deref().unwrap_or(email.local());
    let kept: String = wanted.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let name = if kept.is_empty() { "user" } else { &kept };
    format!("{name}-{:08x}", u32::from_be_bytes(random))
        .parse()
        .expect("letters, digits and a hyphen make a name")
}

#[cfg(test)]
mod tests {
    use kernel::id::{Id as _, TenantId};
    use serde_json::{Value, json};

    use super::*;

    fn profile(changes: &Value) -> Profile {
        let mut profile = json!({"email": "Ann@example.com", "email_verified": true});
        for (name, value) in changes.as_object().unwrap() {
            profile[name] = value.clone();
        }
        serde_json::from_value(profile).unwrap()
    }

    #[test]
    fn an_account_is_shared_only_where_both_sides_vouch_for_the_address() {
        let user = crate::user::tests::user(TenantId::from_uuid(uuid::Uuid::nil()));
        let unverified = User { email_verified_at: None, ..user.clone() };
        let verified = User { email_verified_at: Some(Timestamp::from_seconds(1)), ..user };
        let (vouched, not) = (json!({}), json!({"email_verified": false}));
        for (case, told, account, expected) in [
            ("somebody new", &vouched, None, "Create"),
            ("an account of theirs", &vouched, Some(&verified), "Adopt"),
            ("an account of anybody's", &vouched, Some(&unverified), "email_unverified"),
            ("an address that nobody checked", &not, Some(&verified), "vouch"),
            ("the same without an account", &not, None, "vouch"),
            ("no address", &json!({"email": null}), None, "vouch"),
            ("no address that is one", &json!({"email": "ann"}), None, "vouch"),
        ] {
            let decided = format!("{:?}", decide(&profile(told), account));
            assert!(decided.contains(expected), "{case}: {decided}");
        }
    }

    #[test]
    fn everybody_new_gets_a_name() {
        let email: Email = "ann.lee@example.com".parse().unwrap();
        for (wanted, name) in [
            (json!({}), "annlee-01020304"),
            (json!({"preferred_username": "Ann Lee"}), "AnnLee-01020304"),
            (json!({"preferred_username": "安"}), "user-01020304"),
            (json!({"preferred_username": "x".repeat(99)}), "xxxxxxxxxxxxxxxxxxxx-01020304"),
        ] {
            assert_eq!(username(&profile(&wanted), &email, [1, 2, 3, 4]).as_str(), name);
        }
    }
}
