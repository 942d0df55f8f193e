//! Password hashing with the peppers of Secrets Manager.

use kernel::{Error, Result};
use platform::{argon2id::Cores, kept::Kept};

use crate::password::{
    NewPassword, PresentedPassword,
    hash::{self, HashError, Peppers, StoredHash, Verdict},
};

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    peppers: Kept<Peppers>,
    cores: Cores,
}

impl Hasher {
    pub(crate) fn new(peppers: Kept<Peppers>) -> Self {
        Self { peppers, cores: Cores::all() }
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<StoredHash> {
        let peppers = self.peppers.latest().await?;
        self.run(move || hash::hash(&password, &peppers, platform::ids::random())).await
    }

    /// Compares a password with what is stored; against a decoy when nothing is, so that both take as long.
    /// For a right password whose hash is out of date the new hash comes along.
    pub(crate) async fn verify(
        &self,
        password: PresentedPassword,
        stored: Option<StoredHash>,
    ) -> Result<Option<Accepted>> {
        let pepper_kid = stored.as_ref().and_then(|stored| stored.pepper_kid.as_ref());
        let peppers = self.peppers.knowing(pepper_kid).await?;
        self.run(move || {
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

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T> {
        self.cores.run(work).await?.map_err(|error| Error::internal("hash a password", error))
    }
}

/// A password was right.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Its hash in today's form, when the stored one is not.
    pub(crate) rehashed: Option<StoredHash>,
}
