//! Which tokens are refused before they expire.
//!
//! A revocation names a subject and a time; it refuses every token of that subject that was made up to then.
//! A token's time is that of its `jti`, which is a `UUIDv7` and so exact to the millisecond, where `iat` counts
//! whole seconds: a login in the same second as a password reset stays valid.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    claims::{AccessClaims, Holder},
    id::{self, Id as _, ServiceAccountId, SessionId, TenantId, UserId},
};

/// Whose tokens are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Subject {
    /// Every token of one session.
    Session(SessionId),
    /// Every token of one account.
    User(UserId),
    /// Every token of one account in one tenant: its role there has changed.
    Member(TenantId, UserId),
    /// Every token of one service account.
    ServiceAccount(ServiceAccountId),
    /// A subject written by a newer version; it refuses nothing here.
    Other(String),
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Session(id) => format!("session#{id}"),
            Subject::User(id) => format!("user#{id}"),
            Subject::Member(tenant, user) => format!("member#{tenant}#{user}"),
            Subject::ServiceAccount(id) => format!("service_account#{id}"),
            Subject::Other(text) => text,
        }
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        let parts: Vec<&str> = text.split('#').collect();
        let read = match parts[..] {
            ["session", id] => id.parse().ok().map(Self::Session),
            ["user", id] => id.parse().ok().map(Self::User),
            ["service_account", id] => id.parse().ok().map(Self::ServiceAccount),
            ["member", tenant, user] => {
                tenant.parse().ok().zip(user.parse().ok()).map(|(tenant, user)| Self::Member(tenant, user))
            }
            _ => None,
        };
        read.unwrap_or(Self::Other(text))
    }
}

/// The revocations that can still matter.
#[derive(Clone, Debug, Default)]
pub struct Revocations(HashMap<Subject, Timestamp>);

impl Revocations {
    /// Takes up one; of two for a subject the later counts.
    pub fn insert(&mut self, subject: Subject, at: Timestamp) {
        let latest = self.0.entry(subject).or_insert(at);
        *latest = at.max(*latest);
    }

    /// Forgets those older than any token alive.
    pub fn prune(&mut self, oldest: Timestamp) {
        self.0.retain(|_, at| *at >= oldest);
    }

    /// Whether the token is refused.
    pub fn refuse(&self, claims: &AccessClaims) -> bool {
        let made_at = id::made_at(claims.jti.uuid());
        let is_revoked = |subject| self.0.get(&subject).is_some_and(|at| made_at <= *at);
        match claims.holder {
            Holder::User(user, session) => {
                is_revoked(Subject::Session(session))
                    || is_revoked(Subject::User(user))
                    || is_revoked(Subject::Member(claims.tid, user))
            }
            Holder::ServiceAccount(account) => is_revoked(Subject::ServiceAccount(account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Role, id::TokenId};

    fn claims_made_at(millis: i64) -> AccessClaims {
        let id = |n: u8| id::uuid_v7(Timestamp::from_millis(n.into()), [n; 10]);
        AccessClaims {
            iss: String::new(),
            aud: String::new(),
            jti: TokenId::from_uuid(id::uuid_v7(Timestamp::from_millis(millis), [0; 10])),
            iat: millis / 1000,
            exp: millis / 1000 + 900,
            holder: Holder::User(UserId::from_uuid(id(1)), SessionId::from_uuid(id(2))),
            tid: TenantId::from_uuid(id(3)),
            role: Role::Member,
            scope: "full".into(),
        }
    }

    /// A person's token and a machine's, with every subject that refuses it.
    fn tokens(millis: i64) -> Vec<(AccessClaims, Subject)> {
        let person = claims_made_at(millis);
        let Holder::User(user, session) = person.holder else { panic!("a person's token") };
        let account = ServiceAccountId::from_uuid(Uuid::from_u128(9));
        let machine = AccessClaims { holder: Holder::ServiceAccount(account), ..person.clone() };
        vec![
            (person.clone(), Subject::Session(session)),
            (person.clone(), Subject::User(user)),
            (person.clone(), Subject::Member(person.tid, user)),
            (machine, Subject::ServiceAccount(account)),
        ]
    }

    #[test]
    fn refuses_what_was_made_before_and_nothing_after() {
        for ((token, subject), (later, _)) in tokens(5_000).into_iter().zip(tokens(5_001)) {
            let mut revocations = Revocations::default();
            revocations.insert(subject.clone(), Timestamp::from_millis(5_000));
            revocations.insert(subject.clone(), Timestamp::from_millis(4_000));
            assert!(revocations.refuse(&token), "{subject:?}");
            assert!(!revocations.refuse(&later), "{subject:?}: made in the same second, later");
            revocations.prune(Timestamp::from_millis(5_001));
            assert!(!revocations.refuse(&token), "{subject:?}: pruned");
        }
    }

    #[test]
    fn strangers_are_not_touched() {
        let mut revocations = Revocations::default();
        revocations.insert(Subject::User(UserId::from_uuid(Uuid::nil())), Timestamp::from_millis(9_000));
        assert!(!revocations.refuse(&claims_made_at(5_000)));
    }

    #[test]
    fn subjects_read_back_and_unknown_ones_survive() {
        let subjects = tokens(1).into_iter().map(|(_, subject)| subject);
        for subject in subjects.chain([Subject::Other("key#abc".into())]) {
            assert_eq!(Subject::from(String::from(subject.clone())), subject);
        }
    }
}
