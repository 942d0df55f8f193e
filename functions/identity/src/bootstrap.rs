//! The first start: an operator, so that somebody can log in.

use kernel::{Error, Result, Secret};
use platform::{Boot, auth, ids};
use store::Change;

use crate::{
    App,
    auth::register,
    email::Email,
    password::NewPassword,
    user::{self, User},
};

/// The operator's e-mail address in the local cloud. Nobody can register it.
pub const EMAIL: &str = "operator@localhost";

/// The operator's username. Nobody else can take it.
pub const USERNAME: &str = "operator";

/// The operator's credentials, known only at the moment the account is made.
#[derive(Debug)]
pub struct Operator {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: Secret<String>,
}

/// Makes the operator's account with the password that `keep` has stored, unless there is an account with that
/// e-mail address. The password is kept before the account is made: whoever is interrupted in between finds it kept
/// and uses it.
///
/// # Errors
/// When the function cannot be built, the password is not kept, or the account cannot be made.
pub async fn ensure_operator(
    boot: &Boot,
    email: &str,
    keep: impl FnOnce(Operator) -> std::io::Result<Operator>,
) -> Result<Option<Operator>, platform::BootError> {
    let app = App::new(boot).await?;
    let address: Email =
        email.parse().map_err(|error| Error::internal("make the operator", format!("{error}")))?;
    if user::store::find_by_email(app.edge.store(), &address).await?.is_some() {
        return Ok(None);
    }
    let fresh = Operator { email: email.to_owned(), password: Secret::new(random_password()) };
    let operator = keep(fresh).map_err(|error| Error::unavailable("keep the operator's password", error))?;
    create(&app, address, &operator).await?;
    Ok(Some(operator))
}

async fn create(app: &App, email: Email, operator: &Operator) -> Result<()> {
    let password: NewPassword = operator
        .password
        .expose()
        .parse()
        .map_err(|error| Error::internal("make the operator", format!("{error}")))?;
    let username =
        USERNAME.parse().map_err(|error| Error::internal("make the operator", format!("{error}")))?;
    let now = app.edge.clock().now();
    let password = app.hasher.hash(password).await?;
    let user = register::new_user(email, username, password, now);
    let user = User { is_operator: true, email_verified_at: Some(now), ..user };
    let change = Change::new("user.bootstrap", "user", user.id).in_tenant(user.personal_tenant_id);
    let actor = auth::by_itself(format!("bootstrap-{}", user.id), now);
    app.edge.store().commit(&actor, register::create_with_tenant(change, &user)?).await
}

/// 24 random bytes in base64url: 192 bits.
fn random_password() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(ids::random::<24>())
}
