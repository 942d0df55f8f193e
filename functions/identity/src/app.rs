//! What the group's handlers share.

use std::str::FromStr;

use axum::extract::FromRef;
use kernel::{Error, Result, Timestamp};
use platform::{
    Boot, BootError, Edge, config::Reader, edge::EdgeConfig, kept::Kept, keyring::AppKeys, metrics::Metrics,
};

use crate::{
    TABLES,
    captcha::{Captcha, CaptchaConfig},
    hashing::Hasher,
    keys::Publishing,
    oidc::{Oidc, config::OidcConfig},
    refresh::RefreshKeys,
    signing::{Policy, SigningKeys, Vault},
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
    pub(crate) roots: Kept<AppKeys>,
    pub(crate) refresh_keys: Kept<RefreshKeys>,
    pub(crate) hasher: Hasher,
    pub(crate) publishing: Publishing,
    pub(crate) started_at: Timestamp,
    pub(crate) oidc: Oidc,
    pub(crate) captcha: Captcha,
    idp_mode: IdpMode,
}

impl App {
    /// Reads the configuration and the secrets that every request needs; makes the signing keys when there are none.
    /// Those keys and the peppers are read when the first token is signed and the first password hashed.
    ///
    /// # Errors
    /// [`BootError`], with every fault of the configuration at once.
    pub async fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::NEEDS);
        let config = EdgeConfig::read(&mut env, &TABLES);
        let signing_secret: Option<String> = env.required("SIGNING_KEYS_SECRET");
        let pepper_secret: Option<String> = env.required("PEPPER_SECRET");
        let idp_mode = env.or("AUTH_IDP_MODE", "internal");
        let (publishing, policy) = (Publishing::read(&mut env), Policy::read(&mut env));
        let (oidc, captcha) = (OidcConfig::read(&mut env), CaptchaConfig::read(&mut env));
        if idp_mode == Some(IdpMode::Oidc) && oidc.as_ref().is_some_and(|oidc| oidc.providers.is_empty()) {
            env.fault("AUTH_OIDC_PROVIDERS: must name a provider where AUTH_IDP_MODE is oidc");
        }
        let (config, (signing_secret, pepper_secret), idp_mode, publishing, policy, oidc, captcha) = env
            .finish(|| {
                let secrets = (signing_secret?, pepper_secret?);
                Some((config?, secrets, idp_mode?, publishing?, policy?, oidc?, captcha?))
            })?;

        let edge = Edge::new(boot, config).await?;
        let verification_secret = &edge.config().verification_keys_secret;
        let vault = Vault::new(
            edge.secrets().clone(),
            (&signing_secret, verification_secret),
            policy,
            edge.store().clone(),
            boot.clock.clone(),
        );
        let signing = SigningKeys::new(vault, Metrics::of(boot));
        match edge.verifier().warm().await {
            // The first start of all: without keys nobody can log in, and nothing could verify a token.
            Err(Error::NotFound(_)) => signing.ensure().await?,
            warm => warm?,
        }
        let app_keys_secret = &edge.config().app_keys_secret;
        Ok(Self {
            roots: Kept::new(edge.secrets(), app_keys_secret),
            refresh_keys: Kept::new(edge.secrets(), app_keys_secret),
            hasher: Hasher::new(Kept::new(edge.secrets(), &pepper_secret), boot.password_cost),
            publishing,
            oidc: Oidc::new(oidc, edge.secrets()),
            captcha: Captcha::new(captcha, edge.secrets()),
            started_at: edge.clock().now(),
            edge,
            signing,
            idp_mode,
        })
    }

    /// Requires that providers may log people in here.
    ///
    /// # Errors
    /// [`Error::NotFound`] when only passwords do.
    pub(crate) fn require_oidc(&self) -> Result<&Oidc> {
        match self.idp_mode {
            IdpMode::Oidc | IdpMode::Both => Ok(&self.oidc),
            IdpMode::Internal => Err(Error::NotFound("provider")),
        }
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

impl FromRef<App> for Edge {
    fn from_ref(app: &App) -> Self {
        app.edge.clone()
    }
}
