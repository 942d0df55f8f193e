//! Password hashes: Argon2id (RFC 9106) with a pepper; bcrypt for imported users until their next login.

use std::{fmt, sync::LazyLock};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use platform::{
    kept::Keys,
    keyring::{Keyring, KeyringError, Kid},
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{Plaintext, PresentedPassword};

/// Parameters of new hashes: the first choice of OWASP's Password Storage Cheat Sheet for 19 MiB.
const CURRENT: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
/// Length of new salts, in bytes (RFC 9106 §3.1).
pub const SALT_BYTES: usize = 16;
/// Length of new hashes, in bytes.
const OUTPUT_BYTES: usize = 32;

/// What an imported hash may cost at most; beyond that it is a denial of service and not a password.
const WORST: Cost = Cost { memory_kib: 131_072, passes: 10, lanes: 4 };
const BCRYPT_COST_MAX: u32 = 15;

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHash {
    /// The hash with its parameters: a PHC string of Argon2id, or bcrypt's `$2a$`, `$2b$` or `$2y$`.
    pub phc: String,
    /// The pepper that went into it; none for imported hashes.
    pub pepper_kid: Option<Kid>,
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredHash").field("pepper_kid", &self.pepper_kid).finish_non_exhaustive()
    }
}

/// What comparing a password with a hash told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and its hash should be made anew: another algorithm, other parameters or an older pepper.
    RightButRehash,
}

/// Why no verdict could be reached: a fault of the data or the deployment, never of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The pepper is not among the peppers.
    #[error("the pepper {0} is not among the peppers")]
    UnknownPepper(Kid),
    /// The stored text is no hash that is understood here.
    #[error("the stored password hash cannot be read")]
    Unreadable,
    /// The stored hash asks for more work than a login may cost.
    #[error("the stored password hash costs more than a login may")]
    TooCostly,
    /// The machine could not compute it.
    #[error("the password could not be hashed: {0}")]
    Failed(argon2::Error),
}

/// Secrets that go into every hash and are not in the database, so that a stolen table alone cannot be searched.
#[derive(Clone, Debug)]
pub struct Peppers(Keyring);

impl Peppers {
    /// Reads `{"current": "p1", "peppers": {"p1": "<32 bytes, base64url>"}}`; other forms as in
    /// [`keyring`](platform::keyring).
    ///
    /// # Errors
    /// [`KeyringError`], which is a fault of the deployment.
    pub fn from_json(text: &str) -> Result<Self, KeyringError> {
        Keyring::from_json(text).map(Self)
    }

    /// The pepper of new hashes.
    pub fn current(&self) -> &Kid {
        self.0.current()
    }
}

impl Keys for Peppers {
    fn read(text: &str) -> Result<Self, KeyringError> {
        Self::from_json(text)
    }

    fn has(&self, kid: &Kid) -> bool {
        self.0.get(kid).is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    const fn exceeds(self, limit: Self) -> bool {
        self.memory_kib > limit.memory_kib || self.passes > limit.passes || self.lanes > limit.lanes
    }
}

/// Hashes a password under the current pepper. Takes tens of milliseconds and 19 MiB: not for the async thread
/// of a function that serves others meanwhile.
///
/// # Errors
/// [`HashError::Failed`] when there is no memory.
pub fn hash(
    password: &impl Plaintext,
    peppers: &Peppers,
    salt: [u8; SALT_BYTES],
) -> Result<StoredHash, HashError> {
    let kid = peppers.current();
    let pepper = pepper(peppers, Some(kid))?;
    let output = argon2id(password, pepper, CURRENT, &salt, OUTPUT_BYTES)?;
    Ok(StoredHash { phc: phc(CURRENT, &salt, &output), pepper_kid: Some(kid.clone()) })
}

/// Compares a password with a stored hash, in constant time after one hash.
///
/// # Errors
/// [`HashError`], which the caller of the login must not be able to tell from any other failure of ours.
pub fn verify(
    password: &PresentedPassword,
    stored: &StoredHash,
    peppers: &Peppers,
) -> Result<Verdict, HashError> {
    if stored.phc.starts_with("$2") {
        return verify_bcrypt(password, &stored.phc);
    }
    let Phc { cost, salt, output } = Phc::parse(&stored.phc).ok_or(HashError::Unreadable)?;
    let pepper = pepper(peppers, stored.pepper_kid.as_ref())?;
    let computed = argon2id(password, pepper, cost, &salt, output.len())?;
    let is_current = cost == CURRENT
        && salt.len() == SALT_BYTES
        && output.len() == OUTPUT_BYTES
        && stored.pepper_kid.as_ref() == Some(peppers.current());
    Ok(match (bool::from(computed.ct_eq(&output)), is_current) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButRehash,
    })
}

/// A hash no password has, with the parameters of new ones: verified against when there is no account, so that an
/// unknown e-mail address takes as long as a known one.
pub fn decoy() -> &'static StoredHash {
    static DECOY: LazyLock<StoredHash> = LazyLock::new(|| StoredHash {
        phc: phc(CURRENT, &[0; SALT_BYTES], &[0; OUTPUT_BYTES]),
        // The pepper's 32 bytes take no measurable time, and a decoy without one never goes stale.
        pepper_kid: None,
    });
    &DECOY
}

fn pepper<'a>(peppers: &'a Peppers, kid: Option<&Kid>) -> Result<&'a [u8], HashError> {
    match kid {
        None => Ok(&[]),
        Some(kid) => {
            peppers.0.get(kid).map(<[u8; 32]>::as_slice).ok_or_else(|| HashError::UnknownPepper(kid.clone()))
        }
    }
}

/// Argon2id version 19 with the pepper as its secret `K` (RFC 9106 §3.1); an empty secret is none.
fn argon2id(
    password: &impl Plaintext,
    pepper: &[u8],
    cost: Cost,
    salt: &[u8],
    output_bytes: usize,
) -> Result<Vec<u8>, HashError> {
    if cost.exceeds(WORST) {
        return Err(HashError::TooCostly);
    }
    #[cfg(test)]
    tests::count_hash();
    let mut output = vec![0; output_bytes];
    Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(output_bytes))
        .and_then(|params| Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params))
        .and_then(|argon2| argon2.hash_password_into(password.expose().as_bytes(), salt, &mut output))
        .map_err(HashError::Failed)?;
    Ok(output)
}

/// bcrypt looks at the first 72 bytes of a password, which is how the imported hashes were made.
fn verify_bcrypt(password: &PresentedPassword, stored: &str) -> Result<Verdict, HashError> {
    if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix)) {
        return Err(HashError::Unreadable);
    }
    let parts: bcrypt::HashParts = stored.parse().map_err(|_| HashError::Unreadable)?;
    if parts.get_cost() > BCRYPT_COST_MAX {
        return Err(HashError::TooCostly);
    }
    #[cfg(test)]
    tests::count_hash();
    match bcrypt::verify(password.expose(), stored) {
        Ok(true) => Ok(Verdict::RightButRehash),
        Ok(false) => Ok(Verdict::Wrong),
        Err(_) => Err(HashError::Unreadable),
    }
}

/// The parts of an Argon2id PHC string (<https://github.com/P-H-C/phc-string-format>).
struct Phc {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Phc {
    fn parse(text: &str) -> Option<Self> {
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
        // A short output would let a wrong password pass by chance; no imported hash is shorter than 16 bytes.
        let is_sane = (argon2::MIN_SALT_LEN..=64).contains(&salt.len()) && (16..=64).contains(&output.len());
        is_sane.then_some(Self { cost, salt, output })
    }
}

fn phc(cost: Cost, salt: &[u8], output: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.passes,
        cost.lanes,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )
}

#[cfg(test)]
mod tests;
