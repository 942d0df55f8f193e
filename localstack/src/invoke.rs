//! Invoking a function as Lambda does: with a time limit, and without its failures reaching anybody else.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cloud::template;
use platform::Function;

/// A function of the template, built.
#[derive(Clone)]
pub struct Loaded {
    /// What the template says about it.
    pub declared: template::Function,
    /// What it does.
    pub function: Function,
}

/// Every function, by its logical id.
pub type Functions = Arc<BTreeMap<String, Loaded>>;

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It took longer than its time limit.
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
}

/// Runs one invocation in its own task, and gives it up after `limit`.
///
/// # Errors
/// When it panics or takes too long.
pub async fn run<T: Send + 'static>(
    limit: Duration,
    invocation: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failed> {
    let mut task = tokio::spawn(invocation);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failed::Panicked(panic_message(error))),
        Err(_) => {
            task.abort();
            Err(Failed::TimedOut(limit))
        }
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
