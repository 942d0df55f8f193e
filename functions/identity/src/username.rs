//! The names people show to each other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// 3 to 32 letters, digits, dots, underscores and hyphens, starting with a letter or digit. Kept as written;
/// two that differ only in case are one name, see [`folded`](Self::folded).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = String,
    min_length = 3,
    max_length = 32,
    pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    example = "ann.lee"
)]
pub struct Username(String);

/// Why a text is no username, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseUsernameError(&'static str);

impl Username {
    /// The name as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which uniqueness is kept.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Username {
    type Err = ParseUsernameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !text.chars().all(is_inner) {
            return Err(ParseUsernameError(
                "must have only letters a–z, digits, dots, underscores and hyphens",
            ));
        }
        if !(3..=32).contains(&text.len()) {
            return Err(ParseUsernameError("must be 3 to 32 characters long"));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(ParseUsernameError("must start with a letter or digit"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

kernel::text_input!(Username);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_its_case_and_folds_for_uniqueness() {
        for (written, folded) in [
            ("ann", "ann"),
            ("Ann.Lee_7-x", "ann.lee_7-x"),
            ("0ne", "0ne"),
            (&"Z".repeat(32), &"z".repeat(32)),
        ] {
            let name: Username = written.parse().unwrap();
            assert_eq!((name.as_str(), name.folded().as_str()), (written, folded));
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{written}\""));
        }
    }

    #[test]
    fn the_fault_says_what_is_wrong() {
        let long = "a".repeat(33);
        for (text, part) in [
            ("", "3 to 32"),
            ("ab", "3 to 32"),
            (&*long, "3 to 32"),
            (".ann", "must start with"),
            ("-ann", "must start with"),
            ("an n", "only letters"),
            ("ann@x", "only letters"),
            ("änne", "only letters"),
            ("ann\n", "only letters"),
        ] {
            let fault = text.parse::<Username>().unwrap_err().to_string();
            assert!(fault.contains(part), "{text:?}: {fault}");
            assert!(serde_json::from_value::<Username>(text.into()).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_pattern_is_the_whole_rule(text in "[A-Za-z0-9][A-Za-z0-9._-]{2,31}", other in ".{0,40}") {
            prop_assert!(text.parse::<Username>().is_ok());
            if let Ok(name) = other.parse::<Username>() {
                prop_assert_eq!(name.to_string(), other);
            }
        }
    }
}
