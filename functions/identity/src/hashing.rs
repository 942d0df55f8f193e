//! Password hashing off the async thread: it takes tens of milliseconds and 19 MiB.

use std::sync::Arc;

use kernel::{Error, Result};

use crate::password::{
    NewPassword, PresentedPassword,
    hash::{self, HashError, Peppers, StoredHash, Verdict},
};

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub(crate) struct Hasher(Arc<Peppers>);

impl Hasher {
    pub(crate) fn new(peppers: Peppers) -> Self {
        Self(Arc::new(peppers))
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<StoredHash> {
        let peppers = self.0.clone();
        run(move || hash::hash(&password, &peppers, platform::ids::random())).await
    }

    /// Compares a password with what is stored; against a decoy when nothing is, so that both take as long.
    /// For a right password whose hash is out of date the new hash comes along.
    pub(crate) async fn verify(
        &self,
        password: PresentedPassword,
        stored: Option<StoredHash>,
    ) -> Result<Option<Accepted>> {
        let peppers = self.0.clone();
        run(move || {
            let verdict = hash::verify(&password, stored.as_ref().unwrap_or(hash::decoy()), &peppers)?;
            Ok(match verdict {
                Verdict::Right if stored.is_some() => Some(Accepted { rehashed: None }),
                Verdict::RightButRehash if stored.is_some() => Some(Accepted {
                    rehashed: Some(hash::hash(&password, &peppers, platform::ids::random())?),
                }),
                Verdict::Wrong | Verdict::Right | Verdict::RightButRehash => None,
            })
        })
        .await
    }
}

/// A password was right.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Its hash in today's form, when the stored one is not.
    pub(crate) rehashed: Option<StoredHash>,
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T, HashError> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("hash a password", error))?
        .map_err(|error| Error::internal("hash a password", error))
}
