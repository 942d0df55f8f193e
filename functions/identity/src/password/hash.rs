//! Password hashes: Argon2id (RFC 9106) with a pepper; bcrypt for imported users until their next login.

use std::fmt;

use platform::{
    argon2id::{self, Cost, OUTPUT_BYTES, Phc, SALT_BYTES},
    kept::Keys,
    keyring::{Keyring, KeyringError, Kid},
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{Plaintext, PresentedPassword};

/// The most work factor that an imported hash may have; beyond that it is a denial of service and not a password.
const BCRYPT_COST_MAX: u32 = 15;

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHash {
    /// The hash with its parameters: a PHC string of Argon2id, or bcrypt's `$2a$`, `$2b$` or `$2y$`.
    pub phc: String,
    /// The pepper that went into it; none for imported hashes.
    pub pepper_kid: Option<Kid>,
}

impl StoredHash {
    /// A hash that was made elsewhere, without a pepper: bcrypt's, until the next login makes another.
    ///
    /// # Errors
    /// [`HashError::Unreadable`] for what no bcrypt has made; [`HashError::TooCostly`] beyond what a login may cost.
    pub fn imported(text: &str) -> Result<Self, HashError> {
        require_bcrypt(text)?;
        Ok(Self { phc: text.to_owned(), pepper_kid: None })
    }
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
    Failed(argon2id::Error),
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

/// Hashes a password under the current pepper. Takes tens of milliseconds and 19 MiB at
/// [`argon2id::CURRENT`]: not for the async thread of a function that serves others meanwhile.
///
/// # Errors
/// [`HashError::Failed`] when there is no memory.
pub fn hash(
    password: &impl Plaintext,
    peppers: &Peppers,
    cost: Cost,
    salt: [u8; SALT_BYTES],
) -> Result<StoredHash, HashError> {
    let kid = peppers.current();
    let pepper = pepper(peppers, Some(kid))?;
    let output = argon2id(password, pepper, cost, &salt, OUTPUT_BYTES)?;
    let phc = Phc { cost, salt: salt.into(), output }.to_string();
    Ok(StoredHash { phc, pepper_kid: Some(kid.clone()) })
}

/// Compares a password with a stored hash, in constant time after one hash. `current` is what a new hash costs.
///
/// # Errors
/// [`HashError`], which the caller of the login must not be able to tell from any other failure of ours.
pub fn verify(
    password: &PresentedPassword,
    stored: &StoredHash,
    peppers: &Peppers,
    current: Cost,
) -> Result<Verdict, HashError> {
    if stored.phc.starts_with("$2") {
        return verify_bcrypt(password, &stored.phc);
    }
    let Phc { cost, salt, output } = Phc::parse(&stored.phc).ok_or(HashError::Unreadable)?;
    let pepper = pepper(peppers, stored.pepper_kid.as_ref())?;
    let computed = argon2id(password, pepper, cost, &salt, output.len())?;
    let is_current = cost == current
        && salt.len() == SALT_BYTES
        && output.len() == OUTPUT_BYTES
        && stored.pepper_kid.as_ref() == Some(peppers.current());
    Ok(match (bool::from(computed.ct_eq(&output)), is_current) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButRehash,
    })
}

/// A hash no password has, of the cost of new ones: verified against when there is no account, so that an unknown
/// e-mail address takes as long as a known one.
pub fn decoy(cost: Cost) -> StoredHash {
    StoredHash {
        phc: Phc { cost, salt: vec![0; SALT_BYTES], output: vec![0; OUTPUT_BYTES] }.to_string(),
        // The pepper's 32 bytes take no measurable time, and a decoy without one never goes stale.
        pepper_kid: None,
    }
}

fn pepper<'a>(peppers: &'a Peppers, kid: Option<&Kid>) -> Result<&'a [u8], HashError> {
    match kid {
        None => Ok(&[]),
        Some(kid) => {
            peppers.0.get(kid).map(<[u8; 32]>::as_slice).ok_or_else(|| HashError::UnknownPepper(kid.clone()))
        }
    }
}

fn argon2id(
    password: &impl Plaintext,
    pepper: &[u8],
    cost: Cost,
    salt: &[u8],
    output_bytes: usize,
) -> Result<Vec<u8>, HashError> {
    if cost.is_excessive() {
        return Err(HashError::TooCostly);
    }
    #[cfg(test)]
    tests::count_hash();
    argon2id::compute(password.expose(), pepper, cost, salt, output_bytes).map_err(HashError::Failed)
}

fn require_bcrypt(text: &str) -> Result<(), HashError> {
    if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(HashError::Unreadable);
    }
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Unreadable)?;
    if parts.get_cost() > BCRYPT_COST_MAX { Err(HashError::TooCostly) } else { Ok(()) }
}

/// bcrypt looks at the first 72 bytes of a password, which is how the imported hashes were made.
fn verify_bcrypt(password: &PresentedPassword, stored: &str) -> Result<Verdict, HashError> {
    require_bcrypt(stored)?;
    #[cfg(test)]
    tests::count_hash();
    match bcrypt::verify(password.expose(), stored) {
        Ok(true) => Ok(Verdict::RightButRehash),
        Ok(false) => Ok(Verdict::Wrong),
        Err(_) => Err(HashError::Unreadable),
    }
}

#[cfg(test)]
mod tests;
