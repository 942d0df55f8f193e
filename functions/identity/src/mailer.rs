//! `identity-mailer`: writes the mails that changes have asked for.
//!
//! A job names a token; the token's text is derived here, from its id and the application's keys, so that neither the
//! queue nor its dead letters hold anything secret. A job that comes twice sends the same token twice, which still can
//! be redeemed only once.

use std::sync::Arc;

use kernel::{Error, Result};
use platform::{
    Boot, BootError, Clock, Function, Grant, Needs,
    config::Reader,
    edge::{APP_KEYS_SECRET, PublicUrl, read_tables},
    function::each_message,
    kept::Kept,
    keyring::AppKeys,
    mail::{Mailer, Sender},
    secrets::Secrets,
};
use store::{SealingKey, Store, Stored};

use crate::{
    IDENTITY_TABLE,
    mail_token::{MailToken, PresentedMailToken, Purpose, store::MailJob},
    user::User,
};

/// What the function needs.
pub const NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL"],
    grants: &[
        Grant::on(IDENTITY_TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(APP_KEYS_SECRET, &["secretsmanager:GetSecretValue"]),
        Grant::on("MAIL_FROM", &["ses:SendEmail"]),
    ],
};

/// The function behind the mail queue.
///
/// # Errors
/// [`BootError`] for configuration and secrets.
pub async fn mailer(boot: Boot) -> Result<Function, BootError> {
    let desk = Arc::new(Desk::new(&boot).await?);
    Ok(Function::Sqs(Arc::new(move |event, _| {
        let desk = Arc::clone(&desk);
        Box::pin(async move { each_message(&event, |body| desk.work(body)).await })
    })))
}

/// Where mails are written.
struct Desk {
    store: Store,
    app_keys: Kept<AppKeys>,
    mailer: Mailer,
    public_url: PublicUrl,
    clock: Clock,
}

impl Desk {
    async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &NEEDS);
        let app_keys_secret: Option<String> = env.required(APP_KEYS_SECRET);
        let from: Option<Sender> = env.required("MAIL_FROM");
        let public_url: Option<PublicUrl> = env.required("PUBLIC_URL");
        let tables = read_tables(&mut env, &[IDENTITY_TABLE]);
        let (app_keys_secret, from, public_url, tables) =
            env.finish(|| Some((app_keys_secret?, from?, public_url?, tables?)))?;
        let app_keys = Kept::new(&Secrets::new(&boot.aws, boot.clock.clone()), &app_keys_secret);
        app_keys.latest().await?;
        Ok(Self {
            // Nothing is sealed here: no cursor leaves, no answer is recorded.
            store: Store::new(&boot.aws, tables, SealingKey::throwaway()),
            app_keys,
            mailer: Mailer::new(&boot.aws, from),
            public_url,
            clock: boot.clock.clone(),
        })
    }

    /// Sends the mail of a job, if there still is somebody to send it to and a reason to; says what became of it.
    async fn work(&self, body: &str) -> Result<&'static str> {
        let job: MailJob =
            serde_json::from_str(body).map_err(|error| Error::internal("read a mail job", error))?;
        let token: Option<Stored<MailToken>> =
            self.store.get_consistent(&MailToken::key_of(job.token_id)).await?;
        let now = self.clock.now();
        let Some(token) = token.filter(|token| token.used_at.is_none() && now < token.expires_at) else {
            return Ok("the token is used or has expired");
        };
        // A forgotten password of an address that nobody has; or an account that was erased since.
        let user: Option<Stored<User>> = self.store.get_consistent(&User::key_of(token.user_id)).await?;
        let Some(user) = user else {
            return Ok("there is nobody to send it to");
        };
        // The key may have come after this function.
        let keys = self.app_keys.knowing(Some(&token.hash_kid)).await?;
        let presented = PresentedMailToken::derive(&token.hash_kid, token.id, token.purpose, &keys)
            .ok_or_else(|| Error::unavailable("make a mail token", "its key is not among the keys"))?;
        let (subject, text) = write(&token, presented.text().expose(), &self.public_url);
        self.mailer.send(user.email.as_str(), subject, &text).await?;
        Ok("sent")
    }
}

/// Subject and text of the mail.
fn write(token: &MailToken, text: &str, public_url: &PublicUrl) -> (&'static str, String) {
    let (subject, reason, path, rest) = match token.purpose {
        Purpose::VerifyEmail => (
            "Verify your e-mail address",
            "An account was made with this e-mail address. This token shows that the address is yours:",
            "/api/v1/auth/email/verify",
            "",
        ),
        Purpose::ResetPassword => (
            "Set a new password",
            "Somebody asked for a new password for your account. This token sets one, and ends every session:",
            "/api/v1/auth/password/reset",
            r#", "password": "<your new password>""#,
        ),
    };
    let mail = format!(
        "{reason}\n\n\
         {text}\n\n\
         It can be used once, until {until}, like this:\n\n\
         curl -X POST {url}{path} -H 'content-type: application/json' -d '{{\"token\": \"{text}\"{rest}}}'\n\n\
         If it was not you who asked for this, do nothing.\n",
        until = token.expires_at,
        url = public_url.as_str(),
    );
    (subject, mail)
}
