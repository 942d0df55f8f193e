//! Login by an OpenID provider (OpenID Connect Core 1.0, RFC 7636, RFC 9207): by configuration, against any that
//! conforms.

pub mod attempt;
pub mod config;
pub mod discovery;
pub mod id_token;
pub mod link;
pub mod provider;

use std::{collections::BTreeMap, sync::Arc};

use kernel::{Error, Result};
use platform::{outbound::Outbound, secrets::Secrets};

use self::{config::OidcConfig, provider::Provider};

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
