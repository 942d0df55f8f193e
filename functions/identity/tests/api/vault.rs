//! The keys as whoever runs the platform sees them, and Secrets Manager's part in a rotation.

use aws_sdk_secretsmanager::Client;
use identity::signing::{Policy, Vault, policy::DualSigning};
use kernel::Result;
use platform::{Function, function::RotationHandler, secrets::Secrets};
use std::time::Duration;
use testkit::Lab;

/// The steps, in order.
pub(crate) const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// What a deployment has unless told.
pub(crate) const POLICY: Policy = Policy {
    max_age: Duration::from_mins(5),
    dual: DualSigning { is_enabled: false, overlap: Duration::from_hours(1), canary_percent: 0 },
};

/// The keys of a lab, with every permission.
pub(crate) fn vault(lab: &Lab) -> Vault {
    let variables = lab.environment("identity");
    let secrets = Secrets::new(&lab.cloud().sdk_config(), lab.clock().clone());
    let [signing, verification] =
        ["SIGNING_KEYS_SECRET", "VERIFICATION_KEYS_SECRET"].map(|name| variables[name].as_str());
    Vault::new(secrets, (signing, verification), POLICY, lab.store(), lab.clock().clone())
}

/// Secrets Manager, and the function it calls.
pub(crate) struct Manager {
    pub(crate) client: Client,
    pub(crate) secret: String,
    pub(crate) handler: RotationHandler,
}

impl Manager {
    /// With these variables in place of the template's.
    pub(crate) async fn with(lab: &Lab, variables: &[(&str, &str)]) -> Self {
        let mut boot = lab.boot("identity-key-rotation");
        for (name, value) in variables {
            boot.vars = boot.vars.with(name, value);
        }
        let Ok(Function::Rotation(handler)) = identity::key_rotation(boot).await else {
            panic!("it is behind Secrets Manager");
        };
        let secret = lab.environment("identity")["SIGNING_KEYS_SECRET"].clone();
        Self { client: Client::new(&lab.cloud().sdk_config()), secret, handler }
    }

    pub(crate) async fn new(lab: &Lab) -> Self {
        Self::with(lab, &[]).await
    }

    /// Begins a rotation: the token of its version.
    pub(crate) async fn begin(&self) -> String {
        let begun = self.client.rotate_secret().secret_id(&self.secret).send().await.unwrap();
        begun.version_id.unwrap()
    }

    /// Calls the function for one step.
    pub(crate) async fn step(&self, step: &str, token: &str) -> Result<()> {
        let event = serde_json::json!({"SecretId": self.secret, "ClientRequestToken": token, "Step": step});
        (self.handler)(serde_json::from_value(event).unwrap()).await
    }

    /// A whole rotation.
    pub(crate) async fn rotate(&self) -> Result<()> {
        let token = self.begin().await;
        for step in STEPS {
            self.step(step, &token).await?;
        }
        Ok(())
    }
}
