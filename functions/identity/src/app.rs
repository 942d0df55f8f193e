//! What the group's handlers share.

use std::str::FromStr;

use axum::extract::FromRef;
use kernel::{Error, Result, Timestamp};
use platform::{
    Boot, BootError, Edge,
    config::Reader,
    edge::{APP_KEYS_SECRET, EdgeConfig},
    kept::Kept,
    keyring::AppKeys,
};

use crate::{
    TABLES, hashing::Hasher, keys::Publishing, password::hash::Peppers, refresh::RefreshKeys,
    signing::SigningKeys,
};

/// Who may log people in: `AUTH_IDP_MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdpMode {
    /// This service, by password.
    Internal,
    /// Only OpenID providers.
    Oidc,
    /// Both.
    Both,
}

impl FromStr for IdpMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "internal" => Ok(Self::Internal),
            "oidc" => Ok(Self::Oidc),
            "both" => Ok(Self::Both),
            _ => Err("must be internal, oidc or both"),
        }
    }
}

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) edge: Edge,
    pub(crate) signing: SigningKeys,
    pub(crate) mail_keys: Kept<AppKeys>,
    pub(crate) refresh_keys: Kept<RefreshKeys>,
    pub(crate) hasher: Hasher,
    pub(crate) publishing: Publishing,
    pub(crate) started_at: Timestamp,
    idp_mode: IdpMode,
}

impl App {
    /// Reads configuration and secrets; makes the signing keys when there are none.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::read(&mut env, &TABLES);
        let signing_secret: Option<String> = env.required("SIGNING_KEYS_SECRET");
        let pepper_secret: Option<String> = env.required("PEPPER_SECRET");
        let idp_mode = env.or("AUTH_IDP_MODE", "internal");
        let publishing = Publishing::read(&mut env);
        let (config, signing_secret, pepper_secret, idp_mode, publishing) =
            env.finish(|| Some((config?, signing_secret?, pepper_secret?, idp_mode?, publishing?)))?;

        let edge = Edge::new(boot, config, &[&signing_secret, &pepper_secret]).await?;
        let verification_secret = edge.config().verification_keys_secret.clone();
        let signing = SigningKeys::new(edge.secrets().clone(), signing_secret, verification_secret);
        let (secrets, app_keys_secret) = (edge.secrets(), &edge.config().app_keys_secret);
        let (peppers, ()) = futures_util::try_join!(
            Kept::<Peppers>::load(secrets, "PEPPER_SECRET", &pepper_secret),
            ensure(&signing, &edge)
        )?;
        edge.verifier().warm().await?;
        Ok(Self {
            mail_keys: Kept::load(secrets, APP_KEYS_SECRET, app_keys_secret).await?,
            refresh_keys: Kept::load(secrets, APP_KEYS_SECRET, app_keys_secret).await?,
            hasher: Hasher::new(peppers),
            publishing,
            started_at: edge.clock().now(),
            edge,
            signing,
            idp_mode,
        })
    }

    /// Requires that people may log in by password here.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when only OpenID providers may log them in.
    pub(crate) fn require_password_login(&self) -> Result<()> {
        match self.idp_mode {
            IdpMode::Internal | IdpMode::Both => Ok(()),
            IdpMode::Oidc => {
                Err(Error::Forbidden("passwords are not used here; log in with your provider".into()))
            }
        }
    }
}

async fn ensure(signing: &SigningKeys, edge: &Edge) -> Result<(), BootError> {
    Ok(signing.ensure(edge.clock().now()).await?)
}

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}
