//! A mail token on its way to what it is good for.

use kernel::{Error, Result, Timestamp};
use store::{Change, Stored};

use crate::{
    App,
    mail_token::{self, MailToken, PresentedMailToken, Purpose},
    user::User,
};

/// A token that can be redeemed, and whose it is.
pub(super) struct Redemption {
    pub(super) token: Stored<MailToken>,
    pub(super) user: Stored<User>,
    redeemed: MailToken,
}

impl Redemption {
    /// Reads a token and decides whether it can be redeemed.
    ///
    /// # Errors
    /// [`refused`], whatever the reason.
    pub(super) async fn begin(app: &App, text: &str, purpose: Purpose, now: Timestamp) -> Result<Self> {
        let keys = app.roots.knowing(mail_token::kid_of(text).as_ref()).await?;
        let presented = PresentedMailToken::parse(text, purpose, &keys).map_err(|_| refused())?;
        let store = app.edge.store();
        let token: Option<Stored<MailToken>> =
            store.get_consistent(&MailToken::key_of(presented.id())).await?;
        let token = token.ok_or_else(refused)?;
        let redeemed = mail_token::redeem(&token, &presented, &keys, now).map_err(|reason| {
            tracing::info!(%reason, "a mail token was refused");
            refused()
        })?;
        // The account may have been erased since.
        let user = store.get_consistent(&User::key_of(token.user_id)).await?;
        Ok(Self { user: user.ok_or_else(refused)?, token, redeemed })
    }

    /// A change called `action` that uses the token up and leaves `next` of its account. Of many at once one wins; the
    /// token stands first among the writes, so that the others are told of it and not of the account.
    pub(super) fn change(&self, action: &'static str, next: &User) -> Change {
        Change::new(action, "user", self.user.id)
            .in_tenant(self.user.personal_tenant_id)
            .replace_or(&self.token, &self.redeemed, refused())
            .replace(&self.user, next)
    }
}

/// A forged, a used, an expired and a foreign token look alike.
pub(super) fn refused() -> Error {
    Error::invalid("/token", "is not valid, or no longer; have a new mail sent")
}
