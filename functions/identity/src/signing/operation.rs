//! What whoever runs the platform does to the keys.

use kernel::{Error, Result, Timestamp};
use platform::keys::{Jwks, KeyAlgorithm};
use serde::Serialize;

use super::{KeySet, KeyState, SigningKey, Vault};

/// All keys, as they are shown.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Each key.
    pub keys: Vec<KeyStatus>,
    /// Why a rotation would be refused now; absent when it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A key, without its private half.
#[derive(Debug, Serialize)]
pub struct KeyStatus {
    /// Its id.
    pub kid: String,
    /// The algorithm it signs with.
    pub alg: KeyAlgorithm,
    /// Where it stands.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// From when on no token it signed is alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlived_at: Option<Timestamp>,
    /// When it was found to be in wrong hands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

async fn current(vault: &Vault) -> Result<(String, KeySet)> {
    let current = vault.current().await?;
    current.ok_or_else(|| {
        Error::conflict("no_keys", "there are no keys yet; identity makes them when it first starts")
    })
}

/// Where each key stands.
///
/// # Errors
/// [`Error::Conflict`] before there are keys.
pub async fn status(vault: &Vault) -> Result<Status> {
    let (_, set) = current(vault).await?;
    let told = vault.publication().await?;
    let keys = set.keys.iter().map(|key| {
        let record = told.as_ref().and_then(|told| told.record(key.kid()));
        KeyStatus {
            kid: key.kid().to_owned(),
            alg: key.public.alg,
            state: key.state,
            since: record.map_or(key.since, |record| record.since),
            published_at: record.map(|record| record.published_at),
            outlived_at: record.and_then(|record| record.outlived_at),
            revoked_at: key.revoked_at,
        }
    });
    let refused = told.as_ref().and_then(|told| set.require_ready(told, vault.policy(), vault.now()).err());
    Ok(Status { keys: keys.collect(), refused: refused.map(|refusal| refusal.to_string()) })
}

/// What the world is shown.
///
/// # Errors
/// [`Error::Conflict`] before there are keys.
pub async fn jwks(vault: &Vault) -> Result<Jwks> {
    let told = vault.publication().await?;
    let told = told.ok_or_else(|| Error::conflict("no_keys", "no keys are published yet"))?;
    Ok(told.jwks_at(vault.now()))
}

/// Has the keys rotated, after a look at whether that would be refused; the version that is going to be in use.
///
/// # Errors
/// [`Error::Conflict`] when it is refused or under way.
pub async fn rotate(vault: &Vault) -> Result<String> {
    let (_, set) = current(vault).await?;
    let told = vault.publication().await?;
    let told = told.ok_or_else(|| Error::conflict("no_keys", "no keys are published yet"))?;
    set.require_ready(&told, vault.policy(), vault.now())?;
    vault.begin_rotation().await
}

/// Takes a key that is in wrong hands out of use; false when that was done before. Also then what is published is put
/// right, so that whoever was interrupted calls again.
///
/// # Errors
/// [`Error::Conflict`] when there is no such key, or the keys were changed at this moment.
pub async fn revoke(vault: &Vault, kid: &str) -> Result<bool> {
    let (version, set) = current(vault).await?;
    let now = vault.now();
    match set.revoke(kid, SigningKey::generate(now)?, now)? {
        Some(revoked) => vault.replace("signing_keys.revoke", &version, &revoked).await.map(|()| true),
        None => vault.publish(&set).await.map(|_| false),
    }
}

/// Takes in an RS256 key (PKCS #8, DER); its id. It is published, and signs after the next rotation if dual signing is
/// enabled.
///
/// # Errors
/// [`Error::Conflict`] when the set has it already, or another waits.
pub async fn import(vault: &Vault, pkcs8: &[u8]) -> Result<String> {
    let (version, set) = current(vault).await?;
    let now = vault.now();
    let key = SigningKey::from_pkcs8(KeyAlgorithm::RS256, pkcs8, now)?;
    let kid = key.kid().to_owned();
    vault.replace("signing_keys.import", &version, &set.import(key, now)?).await?;
    Ok(kid)
}
