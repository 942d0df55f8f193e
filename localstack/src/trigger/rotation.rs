//! Rotations of secrets: the function is called for each step, one after another.

use std::time::Duration;

use aws_lambda_events::secretsmanager::SecretsManagerSecretRotationEvent;
use cloud::Cloud;
use cloud::template::Function;
use platform::function::RotationHandler;
use serde_json::json;

use crate::invoke;
use crate::stop::Stop;

/// The steps, in order
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// How often it is looked whether somebody wants a rotation.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A rotation that failed is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// One secret and the function that rotates it.
pub(super) struct Rotator {
    pub(super) cloud: Cloud,
    pub(super) function: Function,
    pub(super) secret: String,
    pub(super) handler: RotationHandler,
}

impl Rotator {
    /// Rotates until everything has to end.
    pub(super) async fn run(self, mut stop: Stop) {
        loop {
            let outcome = match self.cloud.rotation_due(&self.secret) {
                Ok(Some(version)) => self.rotate(&version).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            let wait = match outcome {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::error!(function = self.function.binary, error, "a rotation failed");
                    RETRY_AFTER
                }
            };
            if !stop.pause(wait).await {
                return;
            }
        }
    }

    async fn rotate(&self, version: &str) -> Result<(), String> {
        for step in STEPS {
            let event = json!({ "SecretId": self.secret, "ClientRequestToken": version, "Step": step });
            let event: SecretsManagerSecretRotationEvent =
                serde_json::from_value(event).map_err(|e| e.to_string())?;
            let answer = invoke::run(self.function.timeout, (self.handler)(event)).await;
            answer.map_err(|e| e.to_string())?.map_err(|e| format!("{step}: {e}"))?;
        }
        Ok(())
    }
}
