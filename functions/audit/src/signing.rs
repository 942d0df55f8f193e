//! The key that signs the log's checkpoints, and nothing else.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Error, Result};
use platform::{edge::PublicUrl, ids, secrets::Secrets};
use serde::{Deserialize, Serialize};
use tlog::SigningKey;
use uuid::Uuid;

/// The version under which the key is made: of two that make one at once, one wins and both go on with its key.
const FIRST_VERSION: Uuid = Uuid::from_u128(0x6175_6469_742d_6b65_792d_6669_7273_7431);

/// The secret's text. The origin is kept with the key: a log that changed its name would be another log.
#[derive(Serialize, Deserialize)]
struct KeyText {
    /// The log's origin, which is the name of its key too.
    origin: String,
    /// The seed of the Ed25519 key (RFC 8032), 32 bytes in base64url.
    seed: String,
}

/// Where the key is.
#[derive(Clone, Debug)]
pub(crate) struct LogKey {
    secrets: Secrets,
    secret: String,
    origin: String,
}

impl LogKey {
    /// A log of that deployment: its origin is where it is served, without the scheme (C2SP tlog-checkpoint).
    pub(crate) fn new(secrets: Secrets, secret: String, public_url: &PublicUrl) -> Self {
        let url = public_url.as_str();
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        Self { secrets, secret, origin: format!("{host}/api/v1/audit") }
    }

    /// The key; a new one when there is none yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be read; [`Error::Internal`] when it is none.
    pub(crate) async fn get(&self) -> Result<Arc<SigningKey>> {
        let text = match self.secrets.get(&self.secret).await {
            Err(Error::NotFound(_)) => {
                self.make().await?;
                self.secrets.get(&self.secret).await?
            }
            read => read?,
        };
        read(text.expose()).map(Arc::new)
    }

    async fn make(&self) -> Result<()> {
        let seed = URL_SAFE_NO_PAD.encode(ids::random::<32>());
        let text = KeyText { origin: self.origin.clone(), seed };
        let text =
            serde_json::to_string(&text).map_err(|error| Error::internal("write the log's key", error))?;
        match self.secrets.put(&self.secret, FIRST_VERSION, &text).await {
            Err(Error::Conflict { .. }) => Ok(()),
            put => put,
        }
    }
}

/// A key from the secret's text. What is wrong with it is said without quoting it.
fn read(text: &str) -> Result<SigningKey> {
    let fault = |what: &'static str| Error::internal("read the log's key", what);
    let KeyText { origin, seed } =
        serde_json::from_str(text).map_err(|_| fault("it is no JSON of origin and seed"))?;
    let seed = URL_SAFE_NO_PAD.decode(seed).map_err(|_| fault("its seed is no base64url"))?;
    let seed: [u8; 32] = seed.try_into().map_err(|_| fault("its seed is not 32 bytes long"))?;
    SigningKey::new(&origin, &seed).map_err(|_| fault("its origin cannot name a key"))
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyText").field("origin", &self.origin).finish_non_exhaustive()
    }
}
