//! Which access tokens are refused although they are not expired, read at most once in 5 s.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use kernel::{
    Error, Timestamp,
    claims::{ACCESS_TOKEN_LIFETIME, AccessClaims, CLOCK_SKEW},
    revocation::Revocations,
};
use store::Store;

/// The revocations, read at most once in 5 s.
#[derive(Debug, Default)]
pub(crate) struct RevocationCache {
    known: RwLock<Known>,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    revocations: Revocations,
    read_at: Option<Timestamp>,
}

/// How long the revocations that were read are good for.
const READ_EVERY: Duration = Duration::from_secs(5);

impl RevocationCache {
    /// Whether a token is among them.
    pub(super) async fn refuse(
        &self,
        store: &Store,
        claims: &AccessClaims,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if !self.is_fresh(now) {
            let _reading = self.reading.lock().await;
            // Whoever waited for the lock finds the work done.
            if !self.is_fresh(now) {
                self.read(store, now).await?;
            }
        }
        Ok(self.known().revocations.refuse(claims))
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.known().read_at.is_some_and(|read_at| now.since(read_at) < READ_EVERY)
    }

    async fn read(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let oldest = now - ACCESS_TOKEN_LIFETIME - CLOCK_SKEW;
        // Clocks of the writers may be apart: the last stretch is read again.
        let since = self.known().read_at.map_or(oldest, |read_at| read_at - CLOCK_SKEW);
        let found = store.revocations_since(since).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in found {
            known.revocations.insert(revocation.subject, revocation.at);
        }
        known.revocations.prune(oldest);
        known.read_at = Some(now);
        Ok(())
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}
