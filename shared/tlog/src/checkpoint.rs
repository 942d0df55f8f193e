//! Checkpoints: what a log signs, its size and root (C2SP tlog-checkpoint).

use crate::{
    Hash, SigningKey, VerifierKey,
    note::{self, NoteError, Signature},
};

/// A log's size and root, as its note's text says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: one line, by convention its URL without the scheme.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// Its tree's root.
    pub root: Hash,
    /// Further lines, which mean nothing here and are signed all the same. None in a log of ours.
    pub extensions: Vec<String>,
}

/// A checkpoint with the signatures that were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Who signed it: the log itself, and the known witnesses.
    pub signatures: Vec<Signature>,
}

/// The text is no checkpoint, or none that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It has fewer than three lines, or an empty one, or does not end in a newline.
    #[error("a checkpoint has at least three lines, none of them empty")]
    Form,
    /// The second line is no size.
    #[error("the checkpoint's second line is no size: a decimal number without leading zeroes")]
    Size,
    /// The third line is no hash.
    #[error("the checkpoint's third line is no root: 32 bytes in base64")]
    Root,
    /// It is another log's.
    #[error("the checkpoint is of the log {found}, not of {expected}")]
    OtherOrigin {
        /// The log that was asked for.
        expected: String,
        /// The log that it is of.
        found: String,
    },
    /// Only witnesses have signed it: it cannot be held against the log.
    #[error("the checkpoint is cosigned, but not signed by a key of the log")]
    OnlyCosigned,
    /// Its note is not right, or not by a known key.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// A checkpoint without extensions.
    pub fn new(origin: &str, size: u64, root: Hash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// The text that is signed: a line each, the last with its newline, too.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64());
        for extension in &self.extensions {
            text += extension;
            text.push('\n');
        }
        text
    }

    /// Reads a note's text. Each checkpoint has one spelling, so that [`text`](Self::text) gives back what was read.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(CheckpointError::Form);
        };
        if lines.iter().any(|line| line.is_empty()) {
            return Err(CheckpointError::Form);
        }
        Ok(Self {
            origin: (*origin).to_owned(),
            size: parse_size(size).ok_or(CheckpointError::Size)?,
            root: Hash::from_base64(root).map_err(|_| CheckpointError::Root)?,
            extensions: extensions.iter().map(|&line| line.to_owned()).collect(),
        })
    }

    /// The signed note. Refused when the origin or an extension is no line.
    pub fn sign(&self, key: &SigningKey) -> Result<String, CheckpointError> {
        let text = self.text();
        if Self::parse(&text)? != *self {
            return Err(CheckpointError::Form);
        }
        Ok(note::sign(&text, &[key])?)
    }

    /// Verifies a note and reads the checkpoint of the log `origin`. `keys` are the log's, of which one must have
    /// signed it, and those of witnesses, which may have.
    pub fn open(note: &str, origin: &str, keys: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        let signed = Self::open_any(note, keys)?;
        let found = &signed.checkpoint.origin;
        if found != origin {
            return Err(CheckpointError::OtherOrigin { expected: origin.to_owned(), found: found.clone() });
        }
        Ok(signed)
    }

    /// As [`open`](Self::open), of whatever log the keys are.
    pub fn open_any(note: &str, keys: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        let opened = note::open(note, keys)?;
        let checkpoint = Self::parse(&opened.text)?;
        if opened.signatures.iter().all(|signature| signature.timestamp.is_some()) {
            return Err(CheckpointError::OnlyCosigned);
        }
        Ok(SignedCheckpoint { checkpoint, signatures: opened.signatures })
    }
}

/// Decimal digits without leading zeroes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cosigner, hash};

    const ORIGIN: &str = "example.com/log";

    fn example() -> Checkpoint {
        Checkpoint::new(ORIGIN, 0, hash::empty())
    }

    #[test]
    fn text_is_read_as_it_was_written() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!((checkpoint.size, checkpoint.text().as_str()), (20_852_163, text));
        let with_extension = format!("{text}hello\n");
        assert_eq!(Checkpoint::parse(&with_extension).unwrap().text(), with_extension);
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = example().text();
        let wrong = |text: &str| Checkpoint::parse(text).unwrap_err();
        assert_eq!(wrong(""), CheckpointError::Form);
        assert_eq!(wrong(&text[..text.len() - 1]), CheckpointError::Form);
        assert_eq!(wrong(&format!("{text}\n")), CheckpointError::Form);
        assert_eq!(wrong(&text[ORIGIN.len()..]), CheckpointError::Form);
        assert_eq!(wrong("example.com/log\n0\n"), CheckpointError::Form);
        for size in ["00", "01", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616"] {
            assert_eq!(
                wrong(&text.replace("\n0\n", &format!("\n{size}\n"))),
                CheckpointError::Size,
                "{size}"
            );
        }
        assert_eq!(wrong(&text.replace("FU=", "FV=")), CheckpointError::Root);
    }

    #[test]
    fn only_the_logs_own_key_makes_it_the_logs() {
        let key = SigningKey::new(ORIGIN, &[1; 32]).unwrap();
        let witness = Cosigner::new("example.com/witness", &[2; 32]).unwrap();
        let keys = [key.verifier().clone(), witness.verifier().clone()];
        let note = example().sign(&key).unwrap();
        let note = note::append_signature(&note, &witness.cosign(&example().text(), 1_700_000_000).unwrap())
            .unwrap();
        let signed = Checkpoint::open(&note, ORIGIN, &keys).unwrap();
        assert_eq!(signed.checkpoint, example());
        let times: Vec<Option<u64>> = signed.signatures.iter().map(|signature| signature.timestamp).collect();
        assert_eq!(times, [None, Some(1_700_000_000)]);
        assert_eq!(Checkpoint::open(&note, ORIGIN, &keys[1..]), Err(CheckpointError::OnlyCosigned));
        let error = Checkpoint::open(&note, "example.com/other", &keys).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the checkpoint is of the log example.com/log, not of example.com/other"
        );
        let other = SigningKey::new(ORIGIN, &[3; 32]).unwrap();
        let error = Checkpoint::open(&note, ORIGIN, &[other.verifier().clone()]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the note is signed by none of the known keys, but by example.com/log (")
        );
    }

    #[test]
    fn what_is_no_checkpoint_is_not_signed() {
        let key = SigningKey::new(ORIGIN, &[1; 32]).unwrap();
        for origin in ["", "a\nb", "a\n7", "a\u{1}"] {
            assert!(Checkpoint::new(origin, 0, hash::empty()).sign(&key).is_err(), "{origin:?}");
        }
        let witness = Cosigner::new("example.com/witness", &[2; 32]).unwrap();
        assert_eq!(witness.cosign("hello\n", 1), Err(CheckpointError::Form));
    }
}
