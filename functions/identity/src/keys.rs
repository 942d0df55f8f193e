//! `/.well-known`: what others need to check our tokens.

pub(crate) mod jwks;
pub(crate) mod openid_configuration;

use std::time::Duration;

use kernel::Timestamp;
use platform::{Publication, config::Reader};

/// How what is published may be kept by others.
#[derive(Clone, Debug)]
pub(crate) struct Publishing {
    /// `AUTH_JWKS_ETAG_SALT`: goes into entity tags; another salt makes every cache ask again. Empty unless told.
    etag_salt: String,
}

impl Publishing {
    /// Reads the configuration; `None` notes a fault.
    pub(crate) fn read(env: &mut Reader<'_>) -> Option<Self> {
        env.or("AUTH_JWKS_ETAG_SALT", "").map(|etag_salt| Self { etag_salt })
    }

    fn of(&self, content_type: &'static str, max_age: Duration, modified_at: Timestamp) -> Publication<'_> {
        Publication { content_type, max_age, etag_salt: &self.etag_salt, modified_at }
    }
}
