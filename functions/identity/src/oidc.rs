//! Login by an OpenID provider (OpenID Connect Core 1.0, RFC 7636, RFC 9207): by configuration, against any that
//! conforms.

pub mod attempt;
pub mod config;
pub mod discovery;
pub(crate) mod grant;
pub mod id_token;
pub mod link;
pub mod provider;
pub(crate) mod renewal;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kernel::{Error, Result};
use platform::{outbound::Outbound, secrets::Secrets};

use self::{config::OidcConfig, provider::Provider};

/// How long everything that a provider is asked for one request may take together. The function itself has 10 s, of which
/// a renewal may wait three for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a provider answers, if it does in time.
///
/// # Errors
/// Those of the work, or [`Error::Unavailable`].
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(PATIENCE, work).await;
    answer.unwrap_or_else(|_| Err(Error::unavailable("an OpenID provider", "no answer in time")))
}

/// The providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Oidc(Arc<BTreeMap<String, Provider>>);

impl Oidc {
    /// The providers of a configuration. None is asked anything yet.
    pub fn new(config: OidcConfig, secrets: &Secrets) -> Self {
        let outbound = Outbound::default();
        let OidcConfig { providers, clients_secret } = config;
        let providers = providers.into_list().into_iter().map(|provider| {
            let name = provider.name.clone();
            (name, Provider::new(provider, outbound.clone(), secrets.clone(), clients_secret.clone()))
        });
        Self(Arc::new(providers.collect()))
    }

    /// A provider by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn provider(&self, name: &str) -> Result<&Provider> {
        self.0.get(name).ok_or(Error::NotFound("provider"))
    }
}
