//! Witnesses: others who say that they saw a checkpoint, and that it continues the one they saw before
//! (C2SP tlog-witness). Which ones is configuration.

use std::str::FromStr;

use kernel::{Error, Result};
use platform::outbound::{Outbound, Reply, is_safe};
use store::ledger::Head;
use tlog::{
    Checkpoint, VerifierKey,
    key::KeyKind,
    witness::{AddCheckpoint, cosignatures, parse_known_size},
};

use crate::log::Log;

/// How a witness is called in the log.
const WHAT: &str = "ask a witness to cosign";

/// A witness: its key, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    key: VerifierKey,
    /// Without a slash at its end.
    url: String,
}

/// Witnesses as they are configured: `<verifier key> <URL>`, with a comma between one and the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Witnesses(pub(crate) Vec<Witness>);

impl FromStr for Witnesses {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let witnesses = text.split(',').map(str::trim).filter(|witness| !witness.is_empty());
        witnesses.map(parse).collect::<Option<_>>().map(Self).ok_or(
            "must be a list, with commas, of `<verifier key of cosignatures> <https URL>` (C2SP signed-note, tlog-witness)",
        )
    }
}

fn parse(text: &str) -> Option<Witness> {
    let (key, url) = text.split_once(' ')?;
    let key: VerifierKey = key.parse().ok()?;
    let url = url.trim().trim_end_matches('/');
    (key.kind() == KeyKind::Cosignature && is_safe(url)).then(|| Witness { key, url: url.to_owned() })
}

impl Witness {
    /// The name of its key.
    pub(crate) fn name(&self) -> &str {
        self.key.name()
    }

    /// The witness's cosignature of the head, as the lines of a note. `old` is the size of the log that it may know.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer, or with something else.
    pub(crate) async fn cosign(
        &self,
        outbound: &Outbound,
        log: &Log,
        head: &Head,
        old: u64,
    ) -> Result<String> {
        let mut reply = self.ask(outbound, log, head, old).await?;
        if reply.status == 409 {
            // It knows another size, and says which.
            let known = parse_known_size(&String::from_utf8_lossy(&reply.body));
            let known = known.filter(|known| *known <= head.size);
            let known = known.ok_or_else(|| Error::unavailable(WHAT, "it knows a longer log"))?;
            reply = self.ask(outbound, log, head, known).await?;
        }
        if reply.status != 200 {
            return Err(Error::unavailable(WHAT, format!("it answers {}", reply.status)));
        }
        let text = Checkpoint::parse(signed_text(&head.checkpoint));
        let text = text.map_err(|error| Error::internal(WHAT, error))?.text();
        let body = String::from_utf8_lossy(&reply.body);
        let found = cosignatures(&body, &text, std::slice::from_ref(&self.key));
        let found = found.map_err(|error| Error::unavailable(WHAT, error))?;
        Ok(found.into_iter().map(|cosignature| cosignature.line).collect())
    }

    async fn ask(&self, outbound: &Outbound, log: &Log, head: &Head, old_size: u64) -> Result<Reply> {
        let proof = match old_size {
            0 => Vec::new(),
            old_size => log.consistency(old_size, head.size).await?,
        };
        let body = AddCheckpoint { old_size, proof, note: head.checkpoint.clone() }.to_string();
        outbound.post_text(WHAT, &format!("{}/add-checkpoint", self.url), body).await
    }
}

/// A note without its signatures.
fn signed_text(note: &str) -> &str {
    note.split_once("\n\n").map_or(note, |(text, _)| &note[..=text.len()])
}

#[cfg(test)]
mod tests {
    use tlog::{Cosigner, SigningKey};

    use super::*;

    #[test]
    fn witnesses_are_keys_of_cosignatures_and_places() {
        let key = Cosigner::new("witness.example/w", &[1; 32]).unwrap().verifier().clone();
        let log = SigningKey::new("example.com/log", &[1; 32]).unwrap().verifier().clone();
        let witness = |url: &str| Witness { key: key.clone(), url: url.to_owned() };
        for (text, expected) in [
            (String::new(), Ok(vec![])),
            (format!("{key} https://w.example/"), Ok(vec![witness("https://w.example")])),
            (
                format!("{key} https://w.example, {key} http://127.0.0.1:7/w"),
                Ok(vec![witness("https://w.example"), witness("http://127.0.0.1:7/w")]),
            ),
            (format!("{key} http://w.example"), Err(())),
            (format!("{log} https://w.example"), Err(())),
            (format!("{key}"), Err(())),
            ("https://w.example".to_owned(), Err(())),
        ] {
            let found = text.parse::<Witnesses>().map(|Witnesses(found)| found).map_err(|_| ());
            assert_eq!(found, expected, "{text}");
        }
    }
}
