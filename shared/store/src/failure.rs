//! SDK errors in the house's words.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use kernel::Error;

/// Turns an SDK error into [`Error`]: a request that DynamoDB calls wrong is a bug of ours, everything else —
/// throttling, time-outs, missing permission or table, no connection — is a dependency that does not answer.
pub(crate) fn translate<E>(what: &'static str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let is_ours = matches!(error.code(), Some("ValidationException" | "SerializationException"));
    if is_ours {
        Error::internal(what, Described::from(error))
    } else {
        Error::unavailable(what, Described::from(error))
    }
}

/// An SDK error whose text says what happened: the SDK's own `Display` is only its category.
#[derive(Debug)]
struct Described(String);

impl<E> From<SdkError<E>> for Described
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        Self(match (error.code(), error.message()) {
            // What DynamoDB said, and not the whole exchange around it.
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string(),
        })
    }
}

impl std::fmt::Display for Described {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Described {}
