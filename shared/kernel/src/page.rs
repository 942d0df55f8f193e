//! Lists: how many at once, and where the next page starts.

use serde::Serialize;

/// How many items a page holds: 1–100, 20 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The largest page.
    pub const MAX: u8 = 100;

    /// The number of items.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

/// The text is no number from 1 to 100.
#[derive(Debug, thiserror::Error)]
#[error("must be a whole number from 1 to 100")]
pub struct ParseLimitError;

impl std::str::FromStr for Limit {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(limit @ 1..=Self::MAX) => Ok(Self(limit)),
            _ => Err(ParseLimitError),
        }
    }
}

crate::text_input!(Limit);

/// The order of a list whose ids are `UUIDv7`: by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Oldest first.
    Created,
    /// Newest first.
    CreatedDescending,
}

/// The text names no order.
#[derive(Debug, thiserror::Error)]
#[error("must be created_at or -created_at")]
pub struct ParseSortError;

impl std::str::FromStr for Sort {
    type Err = ParseSortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "created_at" => Ok(Self::Created),
            "-created_at" => Ok(Self::CreatedDescending),
            _ => Err(ParseSortError),
        }
    }
}

crate::text_input!(Sort);

/// One page of a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page starts: pass it as `cursor`. Absent (`null`) on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page with each item translated.
    pub fn map<U>(self, translate: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(translate).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_at_below_and_above_the_edges() {
        for (text, read) in [
            ("1", Some(1)),
            ("100", Some(100)),
            ("0", None),
            ("101", None),
            ("-1", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Limit>().ok().map(Limit::get), read, "{text}");
        }
        assert_eq!(Limit::default().get(), 20);
    }
}
