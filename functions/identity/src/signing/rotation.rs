//! `identity-key-rotation`: the four steps in which Secrets Manager rotates the signing keys
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
//!
//! A step may come twice, and after a crash they come again from the first on: each looks at what is there and does
//! what is missing. A change by somebody else (`groundwork keys revoke`) wins over a rotation under way.

use aws_lambda_events::secretsmanager::SecretsManagerSecretRotationEvent as RotationEvent;
use kernel::{Error, Result};
use platform::{
    Boot, BootError, Function, Grant, Needs,
    config::Reader,
    edge::read_tables,
    keys::KeyAlgorithm,
    secrets::{CURRENT, Secrets},
};
use store::{SealingKey, Store, audit};

use super::{KeySet, KeyState, Policy, SigningKey, Vault, policy};

/// The variable that names the secret with the private halves.
const SIGNING: &str = "SIGNING_KEYS_SECRET";

/// The variable that names the secret with the public halves.
const VERIFICATION: &str = "VERIFICATION_KEYS_SECRET";

/// What the function needs.
pub const NEEDS: Needs = Needs {
    settings: &policy::SETTINGS,
    grants: &[
        Grant::on(
            SIGNING,
            &[
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
        ),
        Grant::on(VERIFICATION, &["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
    ],
};

/// The function behind Secrets Manager.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn key_rotation(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &NEEDS);
    let vault = read_vault(&mut env, &boot);
    let vault = env.finish(|| vault)?;
    Ok(Function::Rotation(std::sync::Arc::new(move |event| {
        let vault = vault.clone();
        Box::pin(async move { step(&vault, &event).await })
    })))
}

/// The vault that the variables name; `None` notes a fault.
pub fn read_vault(env: &mut Reader<'_>, boot: &Boot) -> Option<Vault> {
    let signing: Option<String> = env.required(SIGNING);
    let verification: Option<String> = env.required(VERIFICATION);
    let policy = Policy::read(env);
    let tables = read_tables(env, &[audit::TABLE]);
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    // Nothing is sealed here: no cursor leaves, no answer is recorded.
    let store = Store::new(&boot.aws, tables?, SealingKey::throwaway());
    Some(Vault::new(secrets, (&signing?, &verification?), policy?, store, boot.clock.clone()))
}

async fn step(vault: &Vault, event: &RotationEvent) -> Result<()> {
    if event.secret_id != vault.signing_secret() {
        return Err(Error::conflict(
            "another_secret",
            "this function rotates the signing keys and nothing else",
        ));
    }
    let token = event.client_request_token.as_str();
    tracing::info!(step = event.step, version = token, "a step of a rotation");
    match event.step.as_str() {
        "createSecret" => create(vault, token).await,
        "setSecret" => set(vault, token).await,
        "testSecret" => test(vault, token).await,
        "finishSecret" => finish(vault, token).await,
        _ => Err(Error::Malformed(
            "a rotation has createSecret, setSecret, testSecret and finishSecret".into(),
        )),
    }
}

/// Writes the set that is to come. It is decided on what the world knows of the one in use, so that is noted first.
async fn create(vault: &Vault, token: &str) -> Result<()> {
    if vault.prepared(token).await?.is_some() {
        return Ok(());
    }
    let now = vault.now();
    let set = match vault.current().await? {
        None => KeySet::first(now)?,
        Some((version, set)) => {
            let seen = vault.publish(&set).await?;
            let rotated = set.rotate(&seen, vault.policy(), SigningKey::generate(now)?, now)?;
            KeySet { based_on: Some(version), ..rotated }
        }
    };
    vault.prepare(token, &set).await
}

/// Publishes its keys, before anything is signed with them.
async fn set(vault: &Vault, token: &str) -> Result<()> {
    let set = vault.prepared(token).await?.ok_or_else(unprepared)?;
    // The very first version is in use as soon as it is written.
    let is_in_use = vault.has_label(token, CURRENT).await?;
    let told = if is_in_use { vault.publish(&set).await } else { vault.announce(&set).await };
    told.map(drop)
}

/// Signs with each of its keys and verifies that with what is published.
///
/// When rotation is switched on, Secrets Manager calls this step alone, to try the function: on a version that nothing
/// was written to, and perhaps before there are any keys. Then there is nothing to find fault with.
async fn test(vault: &Vault, token: &str) -> Result<()> {
    let Some(set) = vault.prepared(token).await? else {
        tracing::info!("nothing is prepared: rotation was switched on");
        return Ok(());
    };
    let published = vault.publication().await?.ok_or_else(unprepared)?;
    if !published.covers(&set) {
        return Err(Error::conflict("keys_unpublished", "the keys to come are not published"));
    }
    for key in set.keys.iter().filter(|key| key.private.is_some()) {
        let probe = format!("{} {token}", key.kid());
        if !key.public.verifies(probe.as_bytes(), &key.pair()?.sign(probe.as_bytes())?) {
            return Err(Error::internal("try the keys to come", format!("{} does not verify", key.kid())));
        }
    }
    let signs = |algorithm| set.one(algorithm, KeyState::Active).is_some();
    if signs(KeyAlgorithm::EdDSA) || signs(KeyAlgorithm::RS256) {
        Ok(())
    } else {
        Err(Error::internal("try the keys to come", "none of them signs"))
    }
}

/// Puts it in use in place of the set it was made from, and notes since when.
async fn finish(vault: &Vault, token: &str) -> Result<()> {
    let set = vault.prepared(token).await?.ok_or_else(unprepared)?;
    if !vault.has_label(token, CURRENT).await? {
        match vault.put_in_use("signing_keys.rotate", token, set.based_on.as_deref()).await {
            Err(Error::Conflict { .. }) => {
                vault.give_up(token).await?;
                return Err(Error::conflict(
                    "keys_changed",
                    "the keys were changed meanwhile; this rotation is given up, begin another",
                ));
            }
            outcome => outcome?,
        }
    }
    vault.publish(&set).await.map(drop)
}

fn unprepared() -> Error {
    Error::conflict("keys_unprepared", "createSecret and setSecret come before this step")
}
