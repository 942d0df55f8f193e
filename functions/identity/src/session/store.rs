//! Sessions in `DynamoDB`.

use kernel::{
    Timestamp,
    id::{SessionId, UserId},
    revocation::Subject,
};
use platform::ids;
use store::{Change, Entity, Index, Key, Query, Stored, Table};

use super::Session;
use crate::{IDENTITY_TABLE, oidc::grant::Grant};

/// The sessions of an account.
const BY_USER: Index = Index("gsi1");

impl Session {
    pub(crate) fn key_of(id: SessionId) -> Key {
        Key::new(format!("session#{id}"), "session")
    }

    /// The sessions of an account, newest first.
    pub(crate) fn of_user(user_id: UserId) -> Query<Self> {
        Query::index(BY_USER, format!("user#{user_id}"), "session#").newest_first()
    }
}

impl Entity for Session {
    const KIND: &'static str = "session";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id())
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_USER, Key::new(format!("user#{}", self.user_id), format!("session#{}", self.id())))]
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.family.expires_at)
    }
}

/// Ends a session: its refresh tokens at once, its access tokens within 5 s.
///
/// A refresh may have handed out a token since this request came, or under a clock that is ahead: the revocation is
/// dated so that it covers that one, too.
pub(crate) fn end(change: Change, session: &Stored<Session>, now: Timestamp) -> Change {
    let at = now.max(session.family.rotated_at);
    let ended = Session { family: session.family.clone().revoked(at), ..session.value.clone() };
    let subject = Subject::Session(session.id());
    let change = match session.vouched_until {
        Some(_) => change.discard::<Grant>(Grant::key_of(session.id())),
        None => change,
    };
    change.in_tenant(session.tenant_id).replace(session, &ended).revoke(ids::new(at), subject, at)
}
