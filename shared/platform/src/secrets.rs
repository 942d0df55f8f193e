//! Secrets Manager, with a cache in the process.
//!
//! Behaves like AWS's caching client (versions are kept for a while, a failed refresh serves the last one) without
//! its dependencies: that crate pulls the SDK's default TLS stack into every function.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_secretsmanager::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{get_secret_value::GetSecretValueError, put_secret_value::PutSecretValueError},
};
use aws_types::SdkConfig;
use kernel::{Error, Result, Secret, Timestamp};

use crate::{Clock, telemetry::causes};

mod versions;

pub use versions::{CURRENT, Labels, PENDING, Version};

/// How long a secret is used before it is read again. A revoked key must be refused within 60 s.
pub const KEPT: Duration = Duration::from_secs(50);

/// The shortest time between two reads of one secret that callers ask for explicitly.
const COOL_DOWN: Duration = Duration::from_secs(5);

/// How long one attempt may take. An answer that is slower than this seldom comes at all.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// A secret's text.
pub type SecretText = Arc<Secret<String>>;

/// The secrets a function may read.
#[derive(Clone, Debug)]
pub struct Secrets {
    client: Client,
    clock: Clock,
    cache: Arc<Mutex<HashMap<String, Cached>>>,
}

#[derive(Clone, Debug)]
struct Cached {
    text: SecretText,
    read_at: Timestamp,
    /// When it was last asked for, whether or not it came.
    tried_at: Timestamp,
}

impl Cached {
    /// Whether it will do for somebody who wants it at most this old. Of a Secrets Manager that does not answer it
    /// is asked only now and then: each time takes seconds.
    fn will_do(&self, now: Timestamp, age: Duration) -> bool {
        now.since(self.read_at) < age || now.since(self.tried_at) < COOL_DOWN
    }
}

impl Secrets {
    /// Reads through `config`.
    pub fn new(config: &SdkConfig, clock: Clock) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let client = Client::from_conf(Builder::from(config).timeout_config(timeouts).build());
        Self { client, clock, cache: Arc::default() }
    }

    /// The current version of a secret, at most 50 s old. When Secrets Manager does not answer, the last version
    /// known is served.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it was never read; [`Error::NotFound`] when it has no value yet.
    pub async fn get(&self, id: &str) -> Result<SecretText> {
        self.get_within(id, KEPT).await
    }

    /// The current version, read again unless that was done in the last 5 s: for when the cached one turns out to
    /// lack something.
    pub async fn refresh(&self, id: &str) -> Result<SecretText> {
        self.get_within(id, COOL_DOWN).await
    }

    /// Whether the secret can be read at this moment: asks past the cache, and leaves it as it is.
    ///
    /// # Errors
    /// As [`get`](Self::get), without the last version known to fall back on.
    pub async fn ping(&self, id: &str) -> Result<()> {
        self.read(id).await.map(|_| ())
    }

    /// How old the version is that is kept of a secret.
    pub fn age(&self, id: &str) -> Duration {
        self.lock().get(id).map_or(Duration::ZERO, |cached| self.clock.now().since(cached.read_at))
    }

    async fn get_within(&self, id: &str, age: Duration) -> Result<SecretText> {
        let now = self.clock.now();
        let known = self.lock().get(id).cloned();
        if let Some(known) = &known
            && known.will_do(now, age)
        {
            return Ok(known.text.clone());
        }
        match (self.read(id).await, known) {
            (Ok(text), _) => {
                let cached = Cached { text: text.clone(), read_at: now, tried_at: now };
                self.lock().insert(id.to_owned(), cached);
                Ok(text)
            }
            (Err(error), Some(known)) => {
                let error = causes(&error);
                tracing::warn!(secret = id, error, "using the last version known of a secret");
                if let Some(cached) = self.lock().get_mut(id) {
                    cached.tried_at = now;
                }
                Ok(known.text)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self, id: &str) -> Result<SecretText> {
        let answer = self.client.get_secret_value().secret_id(id).send().await;
        match answer {
            Ok(answer) => answer
                .secret_string
                .map(|text| Arc::new(Secret::new(text)))
                .ok_or_else(|| Error::internal("read a secret", format!("{id} is binary"))),
            Err(error) if is_absent(&error) => Err(Error::NotFound("secret value")),
            Err(error) => Err(unavailable("read a secret", &error)),
        }
    }

    /// Writes a new current version. `version` makes the write idempotent: of two writers with the same version
    /// and different values, one wins and the other is told.
    ///
    /// # Errors
    /// [`Error::Conflict`] when that version exists with another value.
    pub async fn put(&self, id: &str, version: uuid::Uuid, text: &str) -> Result<()> {
        let request = self.client.put_secret_value().secret_id(id).client_request_token(version.to_string());
        match request.secret_string(text).send().await {
            Ok(_) => {
                self.lock().remove(id);
                Ok(())
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Err(Error::conflict("secret_version", "that version of the secret exists with another value"))
            }
            Err(error) => Err(unavailable("write a secret", &error)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_absent(error: &SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

fn unavailable<E>(what: &'static str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    // Not the error's context: it can hold the raw answer, and so a secret.
    Error::unavailable(what, format!("{error} ({})", error.code().unwrap_or("no code")))
}

#[cfg(test)]
mod tests;
