//! What can go wrong, in the domain's words. `platform::problem` turns each into a response.

use std::{borrow::Cow, time::Duration};

use crate::oauth;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an [`Error::Unavailable`] or [`Error::Internal`]: logged, never shown.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One fault of the input and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the body (RFC 6901), or the name of a query parameter or header.
    pub pointer: String,
    /// What is wrong there, as the end of a sentence: "must be …".
    pub detail: Cow<'static, str>,
}

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read at all.
    #[error("malformed: {0}")]
    Malformed(Cow<'static, str>),
    /// The request is readable and breaks rules; every fault at once.
    #[error("invalid input: {} fault(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// The caller is not known. The text tells the caller what to do, never which part of a credential was wrong.
    #[error("unauthenticated: {0}")]
    Unauthenticated(Cow<'static, str>),
    /// A token endpoint refuses: the problem is told in OAuth's words as well.
    #[error("{}: {detail}", code.name())]
    OAuth {
        /// What OAuth calls it.
        code: oauth::Code,
        /// What was wrong and what to do, in ASCII: RFC 6749 §5.2 allows no other character there.
        detail: Cow<'static, str>,
    },
    /// The caller is known and may not do this.
    #[error("forbidden: {0}")]
    Forbidden(Cow<'static, str>),
    /// Nothing of that kind for this caller.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The state does not allow it. `rule` is a stable name, `detail` says what would satisfy it.
    #[error("conflict with {rule}: {detail}")]
    Conflict {
        /// Stable name of the rule, `snake_case`.
        rule: &'static str,
        /// What is in the way and what would satisfy the rule.
        detail: Cow<'static, str>,
    },
    /// The same request is being carried out right now.
    #[error("in progress")]
    InProgress {
        /// When asking again makes sense.
        retry_after: Duration,
    },
    /// `If-Match` names a state that is no longer current.
    #[error("precondition failed")]
    PreconditionFailed,
    /// The body is larger than allowed.
    #[error("larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
    /// The body is of a media type that this operation does not read.
    #[error("unsupported media type, expected {expected}")]
    UnsupportedMediaType {
        /// The media type to send.
        expected: &'static str,
    },
    /// The caller asks too often.
    #[error("too many requests")]
    TooManyRequests {
        /// Retrying then succeeds.
        retry_after: Duration,
    },
    /// Something this depends on does not answer; nothing was changed, or nobody knows.
    #[error("unavailable: {what}")]
    Unavailable {
        /// The dependency, for the log.
        what: &'static str,
        /// Its error.
        #[source]
        cause: Cause,
    },
    /// A bug, or data that breaks an invariant.
    #[error("internal: {what}")]
    Internal {
        /// What was being done, for the log.
        what: &'static str,
        /// Its error.
        #[source]
        cause: Cause,
    },
}

impl Error {
    /// A conflict with a named rule.
    pub fn conflict(rule: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict { rule, detail: detail.into() }
    }

    /// A refusal of a token endpoint.
    pub fn oauth(code: oauth::Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::OAuth { code, detail: detail.into() }
    }

    /// One fault at one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![Fault { pointer: pointer.into(), detail: detail.into() }])
    }

    /// A broken invariant.
    pub fn internal(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Internal { what, cause: cause.into() }
    }

    /// A dependency that failed.
    pub fn unavailable(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { what, cause: cause.into() }
    }

    /// Whether the same call may succeed later without anybody changing it: a queue's worker retries these
    /// and gives up on the others.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InProgress { .. } | Self::TooManyRequests { .. } | Self::Unavailable { .. } => true,
            Self::Malformed(_)
            | Self::Invalid(_)
            | Self::Unauthenticated(_)
            | Self::OAuth { .. }
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::PreconditionFailed
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Internal { .. } => false,
        }
    }
}
