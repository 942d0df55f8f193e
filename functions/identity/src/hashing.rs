//! Password hashing with the peppers of Secrets Manager.

use kernel::{Error, Result};
use platform::{
    argon2id::{Cores, Cost},
    kept::Kept,
};

use crate::password::{
    NewPassword, PresentedPassword,
    hash::{self, HashError, Peppers, StoredHash, Verdict},
};

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    peppers: Kept<Peppers>,
    cores: Cores,
    cost: Cost,
}

impl Hasher {
    /// `cost` is what a new hash costs.
    pub(crate) fn new(peppers: Kept<Peppers>, cost: Cost) -> Self {
        Self { peppers, cores: Cores::all(), cost }
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<StoredHash> {
        let (peppers, cost) = (self.peppers.latest().await?, self.cost);
        self.run(move || hash::hash(&password, &peppers, cost, platform::ids::random())).await
    }

    /// Compares a password with what is stored; against a decoy when nothing is, so that both take as long.
    /// For a right password whose hash is out of date the new hash comes along.
    pub(crate) async fn verify(
        &self,
        password: PresentedPassword,
        stored: Option<StoredHash>,
    ) -> Result<Option<Accepted>> {
        let pepper_kid = stored.as_ref().and_then(|stored| stored.pepper_kid.as_ref());
        let (peppers, cost) = (self.peppers.knowing(pepper_kid).await?, self.cost);
        self.run(move || {
            let is_known = stored.is_some();
            let compared = stored.unwrap_or_else(|| hash::decoy(cost));
            Ok(match hash::verify(&password, &compared, &peppers, cost)? {
                Verdict::Right if is_known => Some(Accepted { rehashed: None }),
                Verdict::RightButRehash if is_known => Some(Accepted {
                    rehashed: Some(hash::hash(&password, &peppers, cost, platform::ids::random())?),
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
