//! Typed reading of evaluated properties.

use std::time::Duration;

use serde_json::Value;

use super::error::{Result, TemplateError};
use super::eval::plain;

/// An evaluated object and the place it stands at.
#[derive(Clone)]
pub(super) struct At<'v> {
    pub(super) at: String,
    pub(super) value: &'v Value,
}

impl<'v> At<'v> {
    pub(super) fn new(at: impl Into<String>, value: &'v Value) -> Self {
        Self { at: at.into(), value }
    }

    /// The property, or `null`.
    pub(super) fn get(&self, key: &str) -> At<'v> {
        At { at: format!("{}.{key}", self.at), value: self.value.get(key).unwrap_or(&Value::Null) }
    }

    pub(super) fn exists(&self) -> bool {
        !self.value.is_null()
    }

    pub(super) fn text(&self) -> Result<String> {
        plain(&self.at, self.value)
    }

    pub(super) fn text_or(&self, default: &str) -> Result<String> {
        if self.exists() { self.text() } else { Ok(default.to_owned()) }
    }

    pub(super) fn optional_text(&self) -> Result<Option<String>> {
        if self.exists() { self.text().map(Some) } else { Ok(None) }
    }

    pub(super) fn number<T: std::str::FromStr>(&self) -> Result<Option<T>> {
        if !self.exists() {
            return Ok(None);
        }
        let text = self.text()?;
        text.parse()
            .map(Some)
            .map_err(|_| self.error(format!("`{text}` is not a fitting number"), "correct it"))
    }

    pub(super) fn flag(&self, default: bool) -> Result<bool> {
        match self.optional_text()?.as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => {
                Err(self.error(format!("`{other}` is neither true nor false"), "write one of them"))
            }
        }
    }

    pub(super) fn seconds(&self) -> Result<Option<Duration>> {
        Ok(self.number::<u64>()?.map(Duration::from_secs))
    }

    /// The items of a list; nothing when it is absent.
    pub(super) fn items(&self) -> Vec<At<'v>> {
        let items = self.value.as_array().into_iter().flatten();
        items.enumerate().map(|(i, value)| At { at: format!("{}[{i}]", self.at), value }).collect()
    }

    /// The entries of an object; nothing when it is absent.
    pub(super) fn entries(&self) -> Vec<(&'v str, At<'v>)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), At { at: format!("{}.{key}", self.at), value })).collect()
    }

    pub(super) fn error(&self, what: impl Into<String>, fix: impl Into<String>) -> TemplateError {
        TemplateError::new(self.at.clone(), what, fix)
    }
}
