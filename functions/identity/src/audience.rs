//! Whom a token is for (RFC 7519 §4.1.3).

use serde::Deserialize;

/// `aud`: one audience, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// As a text.
    One(String),
    /// As a list.
    Many(Vec<String>),
}

impl Audience {
    /// Whether it is one of ours, and nobody else's as well.
    pub(crate) fn is_among(&self, ours: &[String]) -> bool {
        match self {
            Self::One(audience) => ours.contains(audience),
            Self::Many(audiences) => {
                !audiences.is_empty() && audiences.iter().all(|audience| ours.contains(audience))
            }
        }
    }
}
