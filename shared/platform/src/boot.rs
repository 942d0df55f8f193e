//! What a function is built from.

use aws_types::SdkConfig;

use crate::{
    Clock,
    argon2id::Cost,
    config::{ConfigError, Vars},
};

/// Environment, AWS, clock and the price of a password, as given by Lambda or by the local cloud.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The environment variables.
    pub vars: Vars,
    /// Region, credentials and HTTP client of every AWS client.
    pub aws: SdkConfig,
    /// The clock.
    pub clock: Clock,
    /// What the hash of a new password costs: [`argon2id::CURRENT`](crate::argon2id::CURRENT), except in tests.
    pub password_cost: Cost,
}

/// Why a function could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The configuration is wrong: nothing will mend it but a deployment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret holds something else than it should.
    #[error("secret {name}: {fault}")]
    Secret {
        /// The variable that names the secret.
        name: &'static str,
        /// What is wrong. Never quotes the secret.
        fault: String,
    },
    /// A dependency did not answer.
    #[error(transparent)]
    Dependency(#[from] kernel::Error),
}

impl BootError {
    /// The process's exit code: 78 (`EX_CONFIG` of sysexits.h) for configuration, 75 (`EX_TEMPFAIL`) for what may
    /// pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Secret { .. } => 78,
            Self::Dependency(_) => 75,
        }
    }
}
