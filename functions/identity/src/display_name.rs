//! What people call a tenant or a service account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// 1 to 100 characters of any script, trimmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "Ann's workshop")]
pub struct DisplayName(String);

/// Why a text is no name, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseDisplayNameError(&'static str);

impl DisplayName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character draws nothing itself but changes what its neighbours look like: controls, line breaks
/// and the bidirectional overrides that let one name pass for another (Unicode TR 36 §3.4).
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl FromStr for DisplayName {
    type Err = ParseDisplayNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        if name.chars().any(is_control) {
            return Err(ParseDisplayNameError("must not contain control characters"));
        }
        if !(1..=100).contains(&name.chars().count()) {
            return Err(ParseDisplayNameError("must be 1 to 100 characters long"));
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DisplayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

kernel::text_input!(DisplayName);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_trimmed_and_counted_in_characters() {
        let hundred = "ß".repeat(100);
        for (written, kept) in [
            ("Acme", Some("Acme")),
            ("  Ann's workshop\t", Some("Ann's workshop")),
            ("工房", Some("工房")),
            (&*hundred, Some(&*hundred)),
            ("", None),
            (" \n ", None),
            ("a\nb", None),
            ("a\0b", None),
            ("gro\u{202e}.emca", None),
            (&*format!("{hundred}x"), None),
        ] {
            let name = written.parse::<DisplayName>().ok();
            assert_eq!(name.as_ref().map(DisplayName::as_str), kept, "{written:?}");
            let read = serde_json::from_value::<DisplayName>(written.into()).ok();
            assert_eq!(read, name);
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back_as_itself(text in ".{0,120}") {
            if let Ok(name) = text.parse::<DisplayName>() {
                prop_assert_eq!(name.to_string().parse::<DisplayName>().unwrap(), name);
            }
        }
    }
}
