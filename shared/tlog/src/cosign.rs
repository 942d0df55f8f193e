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

    /// The line of a signature, with its newline, over a checkpoint's text (without its signatures): seen at
    /// `timestamp`, in seconds since the Unix epoch. Anything but a checkpoint is refused: that is what the line says
    /// it is.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-cosignature, signed with Python's `cryptography` by the key of the seed 0202….
    #[test]
    fn a_cosignature_is_the_one_that_others_make() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let cosigner = Cosigner::new("witness.example/w1", &[2; 32]).unwrap();
        let key = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
        assert_eq!(cosigner.verifier().to_string(), key);
        let signature = "3xwKNQAAAABkGFDLUwBLV8e4tjvb6qEHiNTQjDZIX+7tvd038taw9A7W/cQ7\
                         ZhSah0uJMOI6CTPez5qwHtE49MrkWhU349mtYmi3Dw==";
        let line = cosigner.cosign(text, 1_679_315_147).unwrap();
        assert_eq!(line, format!("\u{2014} witness.example/w1 {signature}\n"));
    }
}
