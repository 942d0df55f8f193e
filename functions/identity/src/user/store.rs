//! Accounts in `DynamoDB`.

use kernel::{
    Error, Result,
    id::{Id as _, UserId},
};
use store::{Change, Entity, Index, Key, Query, Store, Stored, Table};

use super::{EmailClaim, User, UsernameClaim};
use crate::{IDENTITY_TABLE, bootstrap, email::Email, username::Username};

/// All accounts, for operators. One partition: accounts are made slowly and listed by few.
const ALL: (Index, &str) = (Index("gsi1"), "users");

impl User {
    pub(crate) fn key_of(id: UserId) -> Key {
        Key::new(format!("user#{id}"), "user")
    }

    pub(crate) fn all() -> Query<Self> {
        Query::index(ALL.0, ALL.1, "")
    }
}

impl Entity for User {
    const KIND: &'static str = "user";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(ALL.0, Key::new(ALL.1, format!("user#{}", self.id)))]
    }
}

impl EmailClaim {
    pub(crate) fn key_of(email: &Email) -> Key {
        Key::new(format!("email#{}", email.as_str()), "email")
    }
}

impl Entity for EmailClaim {
    const KIND: &'static str = "email";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.email)
    }
}

impl UsernameClaim {
    pub(crate) fn key_of(username: &Username) -> Key {
        Key::new(format!("username#{}", username.folded()), "username")
    }
}

impl Entity for UsernameClaim {
    const KIND: &'static str = "username";
    const TABLE: Table = IDENTITY_TABLE;

    fn key(&self) -> Key {
        Key::new(format!("username#{}", self.folded), "username")
    }
}

/// Writes a new account with its claims on e-mail address and username.
///
/// # Errors
/// [`Error::Conflict`] for the operator's e-mail address and username, unless it is the operator.
pub(crate) fn create(change: Change, user: &User) -> Result<Change> {
    if user.email.as_str() == bootstrap::EMAIL && !user.is_operator {
        return Err(email_taken());
    }
    let email = EmailClaim { email: user.email.clone(), user_id: user.id };
    Ok(change
        .create(user, Error::internal("create an account", "its id exists"))
        .create(&email, email_taken())
        .create(&claim_of(user)?, username_taken()))
}

/// Moves the claim on a username when it changes.
///
/// # Errors
/// [`Error::Conflict`] for the operator's username, unless it is an operator.
pub(crate) fn rename(change: Change, old: &User, new: &User) -> Result<Change> {
    if old.username.folded() == new.username.folded() {
        return Ok(change);
    }
    Ok(change
        .discard::<UsernameClaim>(UsernameClaim::key_of(&old.username))
        .create(&claim_of(new)?, username_taken()))
}

/// Deletes an account with its claims: e-mail address and username are free again.
pub(crate) fn erase(change: Change, user: &Stored<User>) -> Change {
    change
        .delete(user)
        .discard::<EmailClaim>(EmailClaim::key_of(&user.email))
        .discard::<UsernameClaim>(UsernameClaim::key_of(&user.username))
}

fn claim_of(user: &User) -> Result<UsernameClaim> {
    let folded = user.username.folded();
    if folded == bootstrap::USERNAME && !user.is_operator {
        return Err(username_taken());
    }
    Ok(UsernameClaim { folded, user_id: user.id })
}

fn email_taken() -> Error {
    Error::conflict("email_taken", "an account with this e-mail address exists; log in")
}

fn username_taken() -> Error {
    Error::conflict("username_taken", "this username is taken; choose another")
}

/// The account of an e-mail address. Reads twice also when there is none, so that both take as long.
pub(crate) async fn find_by_email(store: &Store, email: &Email) -> Result<Option<Stored<User>>> {
    let claim = store.get_consistent::<EmailClaim>(&EmailClaim::key_of(email)).await?;
    let id = claim.as_ref().map_or(UserId::from_uuid(uuid::Uuid::nil()), |claim| claim.user_id);
    store.get_consistent(&User::key_of(id)).await
}

/// The account a caller or a session belongs to.
///
/// # Errors
/// [`Error::Unauthenticated`] when it was erased.
pub(crate) async fn require(store: &Store, id: UserId) -> Result<Stored<User>> {
    let user = store.get_consistent(&User::key_of(id)).await?;
    user.ok_or_else(|| Error::Unauthenticated("the account no longer exists".into()))
}
