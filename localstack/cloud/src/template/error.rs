//! What can be wrong with a template, said once and clearly.

use std::fmt;

/// A fault in `template.yaml`: where it is, what is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The place, as a dotted path from the template's root (`Resources.MailQueue.Properties`).
    pub at: String,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl TemplateError {
    pub(crate) fn new(at: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into(), fix: fix.into() }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template.yaml: {}: {}; {}", self.at, self.what, self.fix)
    }
}

impl std::error::Error for TemplateError {}

pub(crate) type Result<T> = std::result::Result<T, TemplateError>;
