//! Rotation: which function rotates a secret, when, and how far it is
//! (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>).
//!
//! A rotation under way is a version with the label `AWSPENDING` that is not the one in use: nothing else is kept, so it
//! goes on after a restart.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{CURRENT, PENDING, Secret, Version};
use super::{Answer, Secrets, find, id, not_found, save, token};
use crate::wire::{Fault, text};

const SECONDS_A_DAY: f64 = 86_400.0;

/// How a secret is rotated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// The function's ARN.
    function: String,
    /// Days between two rotations.
    every_days: f64,
    /// When that was decided.
    since: f64,
    /// When the last one ended.
    last: Option<f64>,
}

impl Rotation {
    pub(super) fn describe(&self, answer: &mut Value) {
        answer["RotationEnabled"] = true.into();
        answer["RotationLambdaARN"] = self.function.as_str().into();
        answer["RotationRules"] = json!({ "AutomaticallyAfterDays": self.every_days });
        answer["NextRotationDate"] = self.next().into();
        if let Some(last) = self.last {
            answer["LastRotatedDate"] = last.into();
        }
    }

    fn next(&self) -> f64 {
        self.last.unwrap_or(self.since) + self.every_days * SECONDS_A_DAY
    }
}

impl Secret {
    /// The version that a rotation under way is going to put in use.
    fn rotating(&self) -> Option<&str> {
        let (pending, current) = (self.holder(PENDING), self.holder(CURRENT));
        pending.filter(|_| pending != current)
    }

    fn begin_rotation(&mut self, token: &str, now: f64) -> Result<(), Fault> {
        if self.rotation.is_none() {
            return Err(Fault::client(
                "InvalidRequestException",
                "No Lambda rotation function ARN is associated with this secret.",
            ));
        }
        if self.rotating().is_some_and(|version| version != token) {
            let reason = "A previous rotation isn't complete. That rotation will be reattempted.";
            return Err(Fault::client("InvalidRequestException", reason));
        }
        if !self.versions.contains_key(token) {
            self.versions.insert(token.to_owned(), Version::empty(now));
            self.attach(PENDING, token);
        }
        Ok(())
    }

    /// A rotation has ended when what it prepared is in use.
    pub(super) fn note_rotation(&mut self, now: f64) {
        let is_over = self.holder(PENDING).is_some() && self.rotating().is_none();
        if let Some(rotation) = self.rotation.as_mut().filter(|_| is_over) {
            rotation.last = Some(now);
        }
    }

    fn set_rotation(&mut self, function: &str, every_days: f64, now: f64) {
        let (since, last) = self.rotation.as_ref().map_or((now, None), |known| (known.since, known.last));
        self.rotation = Some(Rotation { function: function.to_owned(), every_days, since, last });
    }
}

impl Secrets {
    /// `RotateSecret`: the function is called by whoever asks for [`due`](Self::due).
    pub(super) fn rotate(&self, input: &Value) -> Answer {
        let token = token(input)?;
        let now = self.clock.now().as_secs_f64();
        let (function, days) =
            (text(input, "RotationLambdaARN"), &input["RotationRules"]["AutomaticallyAfterDays"]);
        self.change(input, |secret| {
            secret.refuse_deleted()?;
            if let Some(function) = function {
                secret.set_rotation(function, days.as_f64().unwrap_or(f64::INFINITY), now);
            }
            let mut answer = secret.identity();
            if input["RotateImmediately"].as_bool().unwrap_or(true) {
                secret.begin_rotation(&token, now)?;
                answer["VersionId"] = token.into();
            }
            Ok(answer)
        })
    }

    /// `CancelRotateSecret`: what is under way stays labelled, as on AWS.
    pub(super) fn cancel_rotation(&self, input: &Value) -> Answer {
        self.change(input, |secret| {
            secret.rotation = None;
            Ok(secret.identity())
        })
    }

    /// Notes what the template says of a secret's rotation.
    pub(crate) fn declare_rotation(
        &self,
        secret: &str,
        function: &str,
        every_days: u32,
    ) -> Result<(), Fault> {
        let now = self.clock.now().as_secs_f64();
        let declared = json!({ "SecretId": secret });
        self.change(&declared, |secret| {
            secret.set_rotation(function, every_days.into(), now);
            Ok(Value::Null)
        })?;
        Ok(())
    }

    /// The version that the rotation under way is going to put in use; one that is due begins.
    pub(crate) fn due(&self, secret_id: &str) -> Result<Option<String>, Fault> {
        let now = self.clock.now().as_secs_f64();
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let input = json!({ "SecretId": secret_id });
        let mut secret = find(&transaction, id(&input)?)?.ok_or_else(not_found)?;
        if let Some(version) = secret.rotating() {
            return Ok(Some(version.to_owned()));
        }
        let is_due = secret.rotation.as_ref().is_some_and(|rotation| rotation.next() <= now);
        if !is_due || secret.deleted.is_some() {
            return Ok(None);
        }
        let version = uuid::Uuid::new_v4().to_string();
        secret.begin_rotation(&version, now)?;
        save(&transaction, &secret)?;
        transaction.commit()?;
        Ok(Some(version))
    }
}
