//! Argon2id (RFC 9106) version 19, and how its hashes are written.

use std::{
    num::NonZero,
    sync::{Arc, OnceLock},
};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use tokio::sync::Semaphore;

pub use argon2::Error;

/// What a hash costs to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// Parameters of new hashes: the first choice of OWASP's Password Storage Cheat Sheet for 19 MiB.
pub const CURRENT: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
/// What a foreign hash may cost at most; beyond that it is a denial of service and not a password.
const WORST: Cost = Cost { memory_kib: 131_072, passes: 10, lanes: 4 };
/// Length of new salts, in bytes (RFC 9106 §3.1).
pub const SALT_BYTES: usize = 16;
/// Length of new hashes, in bytes.
pub const OUTPUT_BYTES: usize = 32;

impl Cost {
    /// Whether it is more than a login may cost.
    pub const fn is_excessive(self) -> bool {
        self.memory_kib > WORST.memory_kib || self.passes > WORST.passes || self.lanes > WORST.lanes
    }
}

/// Where hashes are made: off the async thread, as many at once as there are cores. More would take longer for each, and
/// the memory of each.
#[derive(Clone, Debug)]
pub struct Cores {
    count: fn() -> usize,
    permits: Arc<OnceLock<Arc<Semaphore>>>,
}

impl Cores {
    /// All that the machine has. They are counted when the first is wanted: it takes a dozen calls of the system, and a
    /// cold start has no time for them.
    pub fn all() -> Self {
        Self::counted_by(|| std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    fn counted_by(count: fn() -> usize) -> Self {
        Self { count, permits: Arc::default() }
    }

    /// Does a piece of work that takes long, when its turn has come. Whoever stops waiting does not stop the work: the
    /// core is given back by the work itself.
    ///
    /// # Errors
    /// [`kernel::Error::Internal`] when it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> kernel::Result<T> {
        let permits = self.permits.get_or_init(|| Arc::new(Semaphore::new((self.count)())));
        let core = Arc::clone(permits).acquire_owned().await;
        let core = core.map_err(|error| kernel::Error::internal("wait for a core", error))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(core);
            done
        });
        done.await.map_err(|error| kernel::Error::internal("hash off the async thread", error))
    }
}

/// Hashes. Takes tens of milliseconds and 19 MiB with [`CURRENT`]: done on one of [`Cores`]. `pepper` is the secret `K`
/// (RFC 9106 §3.1); an empty one is none.
///
/// # Errors
/// Parameters that Argon2 does not know, or no memory.
pub fn compute(
    password: &str,
    pepper: &[u8],
    cost: Cost,
    salt: &[u8],
    output_bytes: usize,
) -> Result<Vec<u8>, Error> {
    let mut output = vec![0; output_bytes];
    Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(output_bytes))
        .and_then(|params| Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params))
        .and_then(|argon2| argon2.hash_password_into(password.as_bytes(), salt, &mut output))?;
    Ok(output)
}

/// The parts of an Argon2id PHC string (<https://github.com/P-H-C/phc-string-format>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phc {
    /// What it cost.
    pub cost: Cost,
    /// The salt.
    pub salt: Vec<u8>,
    /// The hash.
    pub output: Vec<u8>,
}

impl Phc {
    /// Reads the text; `None` when it is none, or too short to keep a wrong password from passing by chance.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", cost, salt, output] = parts[..] else {
            return None;
        };
        let costs: Vec<&str> = cost.split(',').collect();
        let [memory, passes, lanes] = costs[..] else {
            return None;
        };
        let cost = Cost {
            memory_kib: memory.strip_prefix("m=")?.parse().ok()?,
            passes: passes.strip_prefix("t=")?.parse().ok()?,
            lanes: lanes.strip_prefix("p=")?.parse().ok()?,
        };
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let output = STANDARD_NO_PAD.decode(output).ok()?;
        let is_sane = (argon2::MIN_SALT_LEN..=64).contains(&salt.len()) && (16..=64).contains(&output.len());
        is_sane.then_some(Self { cost, salt, output })
    }
}

impl std::fmt::Display for Phc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let (salt, output) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.output));
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}")
    }
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
        let cores = Cores::counted_by(|| 2);
        let works = (0..20).map(|_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            cores.run(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::park_timeout(Duration::from_millis(5));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        });
        assert!(join_all(works).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
