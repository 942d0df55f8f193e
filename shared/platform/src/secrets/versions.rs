//! A secret's versions by their staging labels: what a rotation works on
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
//!
//! Everything here asks Secrets Manager itself, past the cache.

use std::collections::HashMap;

use aws_sdk_secretsmanager::{
    error::ProvideErrorMetadata as _, operation::put_secret_value::PutSecretValueError,
};
use kernel::{Error, Result, Secret};

use super::{Secrets, is_absent, unavailable};

/// The label of the version that is in use.
pub const CURRENT: &str = "AWSCURRENT";

/// The label of the version that a rotation is about to put in use.
pub const PENDING: &str = "AWSPENDING";

/// A version and what it holds.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its name: the token of the request that wrote it.
    pub id: String,
    /// What it holds.
    pub text: Secret<String>,
}

/// The staging labels of each version that has any.
#[derive(Clone, Debug, Default)]
pub struct Labels(HashMap<String, Vec<String>>);

impl Labels {
    /// Whether a version has a label.
    pub fn has(&self, version: &str, label: &str) -> bool {
        self.0.get(version).is_some_and(|labels| labels.iter().any(|has| has == label))
    }

    /// The version that has a label.
    pub fn holder(&self, label: &str) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|version| self.has(version, label))
    }
}

impl Secrets {
    /// Which version has which label (`DescribeSecret`).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be read.
    pub async fn labels(&self, id: &str) -> Result<Labels> {
        let described = self.client.describe_secret().secret_id(id).send().await;
        let described = described.map_err(|error| unavailable("describe a secret", &error))?;
        Ok(Labels(described.version_ids_to_stages.unwrap_or_default()))
    }

    /// The version in use at this moment; `None` when nothing was ever written.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be read.
    pub async fn current(&self, id: &str) -> Result<Option<Version>> {
        self.read_version(id, None).await
    }

    /// A version by its name; `None` when it does not exist or holds nothing yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be read.
    pub async fn version(&self, id: &str, version: &str) -> Result<Option<Version>> {
        self.read_version(id, Some(version)).await
    }

    async fn read_version(&self, id: &str, version: Option<&str>) -> Result<Option<Version>> {
        let request = self.client.get_secret_value().secret_id(id);
        let answer = request.set_version_id(version.map(str::to_owned)).send().await;
        match answer {
            Ok(answer) => Ok(answer
                .version_id
                .zip(answer.secret_string)
                .map(|(id, text)| Version { id, text: Secret::new(text) })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(unavailable("read a secret", &error)),
        }
    }

    /// Writes a version under a label other than the one in use: nobody reads it unless told. A version is written
    /// once; whoever comes second under the same name changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be written.
    pub async fn stage(&self, id: &str, version: &str, label: &str, text: &str) -> Result<()> {
        let request = self.client.put_secret_value().secret_id(id).client_request_token(version);
        match request.version_stages(label).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("write a secret", &error)),
        }
    }

    /// Asks Secrets Manager to rotate a secret (`RotateSecret`); it calls the function itself, step by step. The version
    /// that is going to be in use.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a rotation is under way or there is no function for it.
    pub async fn begin_rotation(&self, id: &str) -> Result<String> {
        match self.client.rotate_secret().secret_id(id).send().await {
            Ok(begun) => begun
                .version_id
                .ok_or_else(|| Error::internal("rotate a secret", "the answer names no version")),
            Err(error) if error.code() == Some("InvalidRequestException") => {
                let reason = error.message().unwrap_or("no reason was given").to_owned();
                Err(Error::conflict("rotation_refused", reason))
            }
            Err(error) => Err(unavailable("rotate a secret", &error)),
        }
    }

    /// Moves a label to the version `to` and away from `from`, or only takes it away.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the label is elsewhere by now: somebody else has changed the secret.
    pub async fn move_label(
        &self,
        id: &str,
        label: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<()> {
        let request = self.client.update_secret_version_stage().secret_id(id).version_stage(label);
        let request = request.set_move_to_version_id(to.map(str::to_owned));
        match request.set_remove_from_version_id(from.map(str::to_owned)).send().await {
            Ok(_) => {
                self.lock().remove(id);
                Ok(())
            }
            // What Secrets Manager answers when `RemoveFromVersionId` does not name the label's holder.
            Err(error) if error.code() == Some("InvalidParameterException") => {
                Err(Error::conflict("secret_changed", "somebody else has changed the secret meanwhile"))
            }
            Err(error) => Err(unavailable("put a secret in use", &error)),
        }
    }
}
