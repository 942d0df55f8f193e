//! Password hashing off the async thread: it takes tens of milliseconds and 19 MiB.

use std::{num::NonZero, sync::Arc};

use kernel::{Error, Result};
use platform::kept::Kept;
use tokio::sync::Semaphore;

use crate::password::{
    NewPassword, PresentedPassword,
    hash::{self, HashError, Peppers, StoredHash, Verdict},
};

/// Hashes and verifies passwords, as many at once as there are cores: more would take longer for each, and 19 MiB.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    peppers: Kept<Peppers>,
    cores: Arc<Semaphore>,
}

impl Hasher {
    pub(crate) fn new(peppers: Kept<Peppers>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { peppers, cores: Arc::new(Semaphore::new(cores)) }
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<StoredHash> {
        let peppers = self.peppers.latest().await?;
        run(&self.cores, move || hash::hash(&password, &peppers, platform::ids::random())).await
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
        run(&self.cores, move || {
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

async fn run<T: Send + 'static>(
    cores: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
) -> Result<T> {
    let core = Arc::clone(cores).acquire_owned().await;
    let core = core.map_err(|error| Error::internal("hash a password", error))?;
    // Whoever stops waiting does not stop the work: the core is given back by the work itself.
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(core);
        done
    });
    done.await
        .map_err(|error| Error::internal("hash a password", error))?
        .map_err(|error| Error::internal("hash a password", error))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn no_more_are_hashed_at_once_than_there_are_cores() {
        let (running, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let cores = Arc::new(Semaphore::new(2));
        let works = (0..20).map(|_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            run(&cores, move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::park_timeout(Duration::from_millis(5));
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        assert!(join_all(works).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
