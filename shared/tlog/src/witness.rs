//! What a log and a witness say to each other (C2SP tlog-witness, add-checkpoint): the bodies, not how they travel.

use std::{fmt, str::FromStr};

use crate::{
    Hash, VerifierKey,
    checkpoint::parse_size,
    key::KeyKind,
    note::{self, NoteError, Signature},
};

/// The longest consistency proof: one hash a level.
pub const PROOF_MAX: usize = 63;

/// The body of a request that asks a witness to cosign a checkpoint. Written with `to_string`, read with `parse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last; 0 when there is none.
    pub old_size: u64,
    /// The proof from there, empty when `old_size` is 0 or the checkpoint's own.
    pub proof: Vec<Hash>,
    /// The checkpoint with the log's signature.
    pub note: String,
}

/// The body is no request of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It has not the three parts.
    #[error("the request is not an old size, a proof, an empty line and a checkpoint")]
    Form,
    /// Its first line is no size.
    #[error("the request's first line is not `old` and a decimal number without leading zeroes")]
    OldSize,
    /// A line of the proof is no hash, or there are too many.
    #[error("the request's proof is not up to {PROOF_MAX} lines of 32 bytes in base64")]
    Proof,
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = RequestError;

    /// Reads the form; the checkpoint is left to [`Checkpoint::open`](crate::Checkpoint::open).
    fn from_str(body: &str) -> Result<Self, Self::Err> {
        let (head, note) = body.split_once("\n\n").ok_or(RequestError::Form)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| parse_size(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or(RequestError::OldSize)?;
        let proof: Result<Vec<Hash>, _> = lines.map(Hash::from_base64).collect();
        match proof {
            Ok(proof) if proof.len() <= PROOF_MAX => Ok(Self { old_size, proof, note: note.to_owned() }),
            _ => Err(RequestError::Proof),
        }
    }
}

/// A cosignature that a witness answered, and that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Whose, and when.
    pub signature: Signature,
    /// Its line, for [`append_signature`](note::append_signature).
    pub line: String,
}

/// The cosignatures by known witnesses in a response, over the checkpoint's text (without its signatures). Lines of
/// others are passed over; each of a known key must be right and bear a time, and there must be one.
pub fn cosignatures(response: &str, text: &str, keys: &[VerifierKey]) -> Result<Vec<Cosignature>, NoteError> {
    if response.len() > note::BYTES_MAX {
        return Err(NoteError::TooLong);
    }
    let witnesses: Vec<VerifierKey> =
        keys.iter().filter(|key| key.kind() == KeyKind::Cosignature).cloned().collect();
    let mut found = Vec::new();
    for (signature, line) in note::verified(text, response, &witnesses)? {
        if signature.timestamp == Some(0) {
            return Err(NoteError::BadSignature { name: signature.name, id: signature.id });
        }
        found.push(Cosignature { signature, line: line.to_owned() });
    }
    if found.is_empty() { Err(NoteError::NoKnownKey("others".to_owned())) } else { Ok(found) }
}

/// The size in a witness's answer that it knows another checkpoint than the request's `old` (409, `text/x.tlog.size`).
pub fn parse_known_size(body: &str) -> Option<u64> {
    parse_size(body.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, Cosigner, SigningKey, hash};

    fn request() -> AddCheckpoint {
        let key = SigningKey::new("example.com/log", &[1; 32]).expect("it is a name");
        let checkpoint = Checkpoint::new("example.com/log", 5, hash::leaf(b"root"));
        let note = checkpoint.sign(&key).expect("it is a checkpoint");
        AddCheckpoint { old_size: 3, proof: vec![hash::leaf(b"1"), hash::leaf(b"2")], note }
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let request = request();
        let body = request.to_string();
        let lines: Vec<&str> = body.lines().collect();
        assert_eq!((lines[0], lines[3], lines[4], lines[5]), ("old 3", "", "example.com/log", "5"));
        assert_eq!(body.parse(), Ok(request.clone()));
        let first = AddCheckpoint { old_size: 0, proof: vec![], note: request.note };
        assert_eq!(first.to_string().parse(), Ok(first));
    }

    #[test]
    fn other_bodies_are_refused() {
        let body = request().to_string();
        let wrong = |body: &str| body.parse::<AddCheckpoint>().unwrap_err();
        assert_eq!(wrong(""), RequestError::Form);
        assert_eq!(wrong("old 3\n"), RequestError::Form);
        for line in ["old  3", "old 03", "old +3", "new 3", "old", "3", "old 3\r"] {
            assert_eq!(wrong(&body.replacen("old 3", line, 1)), RequestError::OldSize, "{line:?}");
        }
        assert_eq!(wrong(&body.replacen("old 3\n", "old 3\nAAAA\n", 1)), RequestError::Proof);
        let line = format!("{}\n", Hash::ZERO.to_base64());
        assert_eq!(
            wrong(&body.replacen("old 3\n", &format!("old 3\n{}", line.repeat(62)), 1)),
            RequestError::Proof
        );
        assert!(
            body.replacen("old 3\n", &format!("old 3\n{}", line.repeat(61)), 1)
                .parse::<AddCheckpoint>()
                .is_ok()
        );
    }

    #[test]
    fn known_witnesses_are_found_in_a_response() {
        let (one, two) = (Cosigner::new("w/1", &[1; 32]).unwrap(), Cosigner::new("w/2", &[2; 32]).unwrap());
        let text = Checkpoint::new("example.com/log", 5, hash::leaf(b"root")).text();
        let lines = [one.cosign(&text, 7).unwrap(), two.cosign(&text, 8).unwrap()];
        let found = cosignatures(&lines.concat(), &text, &[two.verifier().clone()]).unwrap();
        let signature = Signature { name: "w/2".into(), id: two.verifier().id(), timestamp: Some(8) };
        assert_eq!(found, [Cosignature { signature, line: lines[1].clone() }]);
        let longer = note::append_signature(&request().note, &found[0].line).unwrap();
        assert!(longer.ends_with(&lines[1]));
        let keys = [one.verifier().clone(), two.verifier().clone()];
        let other = text.replace('5', "6");
        assert!(matches!(cosignatures(&lines[0], &other, &keys), Err(NoteError::BadSignature { .. })));
        assert!(matches!(cosignatures(&lines[0], &text, &keys[1..]), Err(NoteError::NoKnownKey(_))));
        let timeless = one.cosign(&text, 0).unwrap();
        assert!(matches!(cosignatures(&timeless, &text, &keys), Err(NoteError::BadSignature { .. })));
        assert!(cosignatures("", &text, &keys).is_err() && cosignatures("sorry\n", &text, &keys).is_err());
    }

    #[test]
    fn a_known_size_is_a_line() {
        assert_eq!(parse_known_size("20852163\n"), Some(20_852_163));
        for wrong in ["", "7", "07\n", "7\n\n", "x\n"] {
            assert_eq!(parse_known_size(wrong), None, "{wrong:?}");
        }
    }
}
