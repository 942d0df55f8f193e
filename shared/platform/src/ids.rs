//! New identifiers and randomness.

use kernel::{Timestamp, id::Id};
use ring::rand::{SecureRandom as _, SystemRandom};

/// A new id, made `now`.
pub fn new<T: Id>(now: Timestamp) -> T {
    T::from_uuid(kernel::id::uuid_v7(now, random()))
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system gives none: nothing here can go on without.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
