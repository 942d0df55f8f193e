//! `/.well-known`: what others need to check our tokens.

pub(crate) mod jwks;
pub(crate) mod openid_configuration;

use std::{str::FromStr, time::Duration};

use kernel::Timestamp;
use platform::{Publication, config::Reader};

/// How what is published may be kept by others.
#[derive(Clone, Debug)]
pub(crate) struct Publishing {
    /// `AUTH_JWKS_MAX_AGE_SECONDS`: how long others use the key set without asking again, 300 unless told. A new key
    /// must be published for longer than that before it signs.
    max_age: MaxAge,
    /// `AUTH_JWKS_ETAG_SALT`: goes into entity tags; another salt makes every cache ask again. Empty unless told.
    etag_salt: String,
}

impl Publishing {
    /// Reads the configuration; `None` notes a fault.
    pub(crate) fn read(env: &mut Reader<'_>) -> Option<Self> {
        let max_age = env.or("AUTH_JWKS_MAX_AGE_SECONDS", "300");
        let etag_salt = env.or("AUTH_JWKS_ETAG_SALT", "");
        Some(Self { max_age: max_age?, etag_salt: etag_salt? })
    }

    fn of(&self, content_type: &'static str, modified_at: Timestamp) -> Publication<'_> {
        Publication { content_type, max_age: self.max_age.0, etag_salt: &self.etag_salt, modified_at }
    }
}

/// A time that a key set may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MaxAge(Duration);

impl FromStr for MaxAge {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            // A compromised key must be forgotten by others within a day at the latest.
            Ok(seconds @ 0..=86_400) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("must be a whole number of seconds from 0 to 86400"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_is_kept_for_a_day_at_most() {
        for (text, read) in
            [("0", Some(0)), ("86400", Some(86_400)), ("86401", None), ("-1", None), ("5m", None)]
        {
            let max_age = text.parse::<MaxAge>().ok();
            assert_eq!(max_age.map(|age| age.0.as_secs()), read, "{text}");
        }
    }
}
