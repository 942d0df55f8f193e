//! Cosignatures: a witness says that it saw a checkpoint, and when (C2SP tlog-cosignature, Ed25519).

use std::fmt;

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    key::{KeyError, KeyKind, PrivateKey, VerifierKey},
    note,
};

/// The latest time that a cosignature can bear.
const TIMESTAMP_MAX: u64 = i64::MAX as u64;

/// A key that cosigns checkpoints (signature type 0x04). Its `Debug` shows the name and the public key only.
pub struct Cosigner(PrivateKey);

impl Cosigner {
    /// From a name and an Ed25519 seed, which is the private key of RFC 8032 §5.1.5.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        PrivateKey::new(name, KeyKind::Cosignature, seed).map(Self)
    }

    /// What others need to check its cosignatures.
    pub const fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    /// The line of a signature, with its newline, over a checkpoint's text (without its signatures): seen at `timestamp`,
    /// in seconds since the Unix epoch. Anything but a checkpoint is refused, because that is what the line says it is.
    pub fn cosign(&self, text: &str, timestamp: u64) -> Result<String, CheckpointError> {
        Checkpoint::parse(text)?;
        let timestamp = timestamp.min(TIMESTAMP_MAX);
        let signature = self.0.sign(message(text, timestamp).as_bytes());
        Ok(note::signature_line(self.verifier(), &[timestamp.to_be_bytes().as_slice(), &signature].concat()))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier())
    }
}

/// The time that a cosignature bears; nothing when it is wrong.
pub(crate) fn verify(key: &VerifierKey, text: &str, cosignature: &[u8]) -> Option<u64> {
    let (timestamp, signature) = cosignature.split_first_chunk()?;
    let timestamp = u64::from_be_bytes(*timestamp);
    let right = timestamp <= TIMESTAMP_MAX && key.made(signature, message(text, timestamp).as_bytes());
    right.then_some(timestamp)
}

/// What is signed.
fn message(text: &str, timestamp: u64) -> String {
    format!("cosignature/v1\ntime {timestamp}\n{text}")
}
