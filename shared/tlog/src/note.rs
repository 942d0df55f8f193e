//! Signed notes: text and, below it, the signatures of keys with names (C2SP signed-note).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    cosign,
    key::{KeyKind, SigningKey, VerifierKey},
};

/// How long a note may be. The specification leaves the limit to us; a checkpoint with 60 signatures has 8 KiB.
pub const BYTES_MAX: usize = 64 * 1024;

/// How many signatures a note may have. The specification asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// Em dash and space, the start of each signature's line.
const SIGNATURE: &str = "\u{2014} ";

/// The note cannot be made, or must not be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is longer than is read.
    #[error("the note has more than {BYTES_MAX} bytes")]
    TooLong,
    /// It has more signatures than are read.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooMany,
    /// Newlines are the only control characters.
    #[error("the note has a control character at byte {0}")]
    Control(usize),
    /// It is not text that ends in a newline, an empty line, and lines of signatures.
    #[error("the note is not text, an empty line and signatures")]
    Form,
    /// A signature's line is not what it must be.
    #[error("line {0} of the note's signatures is no signature")]
    Line(usize),
    /// It says that a key signed it which did not.
    #[error("the signature of {name} ({id:08x}) is not over this text")]
    BadSignature {
        /// The key's name.
        name: String,
        /// The key's id.
        id: u32,
    },
    /// No key that is trusted here has signed it.
    #[error("the note is signed by none of the known keys, but by {0}")]
    NoKnownKey(String),
}

/// A signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: u32,
    /// When a cosigner saw the checkpoint, in seconds since the Unix epoch; none for a plain signature.
    pub timestamp: Option<u64>,
}

/// A note that at least one known key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was signed, with its last newline.
    pub text: String,
    /// Who signed it: the known keys, each once, in the note's order.
    pub signatures: Vec<Signature>,
}

/// Signs a text, which ends in a newline and has no other control characters, with at least one key.
pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    let mut note = format!("{text}\n");
    for key in keys {
        note += &signature_line(key.verifier(), &key.sign(text.as_bytes()));
    }
    Parts::of(&note)?;
    Ok(note)
}

/// Adds lines of signatures, as [`Cosigner::cosign`](crate::Cosigner::cosign) and witnesses make them, to a note. It
/// does not verify them.
pub fn append_signature(note: &str, lines: &str) -> Result<String, NoteError> {
    let text = Parts::of(note)?.text;
    let longer = format!("{note}{lines}");
    // Lines with an empty one among them would make the signatures before it part of the text.
    if lines.is_empty() || Parts::of(&longer)?.text != text {
        return Err(NoteError::Form);
    }
    Ok(longer)
}

/// Verifies a note. Signatures by unknown keys are passed over; each by a known key must be right, and there must be
/// one.
pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Opened, NoteError> {
    let parts = Parts::of(note)?;
    let signatures = verified(parts.text, parts.signatures, keys)?;
    if signatures.is_empty() {
        return Err(NoteError::NoKnownKey(parts.signed_by()));
    }
    let signatures = signatures.into_iter().map(|(signature, _)| signature).collect();
    Ok(Opened { text: parts.text.to_owned(), signatures })
}

/// The signatures by known keys among these lines, each key's first, with its line. One that is wrong refuses all.
pub(crate) fn verified<'a>(
    text: &str,
    lines: &'a str,
    keys: &[VerifierKey],
) -> Result<Vec<(Signature, &'a str)>, NoteError> {
    let mut found: Vec<(Signature, &str)> = Vec::new();
    for line in read_lines(lines)? {
        let mut known = keys.iter().filter(|key| key.name() == line.name && key.id() == line.id).peekable();
        if known.peek().is_none() {
            continue;
        }
        let bad = || NoteError::BadSignature { name: line.name.to_owned(), id: line.id };
        let signature = known.find_map(|key| verify(key, text, &line.signature)).ok_or_else(bad)?;
        let key = (&signature.name, signature.id);
        if !found.iter().any(|(known, _)| (&known.name, known.id) == key) {
            found.push((signature, line.text));
        }
    }
    Ok(found)
}

/// What a right signature says; nothing when it is wrong.
fn verify(key: &VerifierKey, text: &str, signature: &[u8]) -> Option<Signature> {
    let timestamp = match key.kind() {
        KeyKind::Note if key.made(signature, text.as_bytes()) => None,
        KeyKind::Note => return None,
        KeyKind::Cosignature => Some(cosign::verify(key, text, signature)?),
    };
    Some(Signature { name: key.name().to_owned(), id: key.id(), timestamp })
}

/// The line of a signature, with its newline.
pub(crate) fn signature_line(key: &VerifierKey, signature: &[u8]) -> String {
    let bytes = [&key.id().to_be_bytes(), signature].concat();
    format!("{SIGNATURE}{} {}\n", key.name(), STANDARD.encode(bytes))
}

/// A note whose form is right.
struct Parts<'a> {
    text: &'a str,
    signatures: &'a str,
}

impl<'a> Parts<'a> {
    fn of(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        if let Some(at) = note.bytes().position(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Control(at));
        }
        let end = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let parts = Self { text: &note[..=end], signatures: &note[end + 2..] };
        read_lines(parts.signatures)?;
        Ok(parts)
    }

    /// The names that its signatures bear, for an error.
    fn signed_by(&self) -> String {
        let lines = read_lines(self.signatures).unwrap_or_default();
        let names: Vec<String> =
            lines.iter().map(|line| format!("{} ({:08x})", line.name, line.id)).collect();
        names.join(", ")
    }
}

/// A signature as it stands in its line, not verified.
struct Line<'a> {
    text: &'a str,
    name: &'a str,
    id: u32,
    signature: Vec<u8>,
}

/// At least one line of a signature, each with its newline.
fn read_lines(lines: &str) -> Result<Vec<Line<'_>>, NoteError> {
    if !lines.ends_with('\n') {
        return Err(NoteError::Form);
    }
    let mut read = Vec::new();
    for (number, line) in lines.split_inclusive('\n').enumerate() {
        if number == SIGNATURES_MAX {
            return Err(NoteError::TooMany);
        }
        read.push(read_line(line).ok_or(NoteError::Line(number + 1))?);
    }
    Ok(read)
}

fn read_line(text: &str) -> Option<Line<'_>> {
    let (name, signature) = text.strip_prefix(SIGNATURE)?.strip_suffix('\n')?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') || signature.is_empty() {
        return None;
    }
    Some(Line { text, name, id: u32::from_be_bytes(*id), signature: signature.to_vec() })
}

#[cfg(test)]
mod tests;
