//! The log's leaves: one JSON object each, in one spelling, chained to the one before.
//!
//! ```json
//! {"v":1,"id":"<UUIDv7>","at":"<RFC 3339>","tenant_id":"<UUID>","actor":{"kind":"user","id":"<commitment>"},
//!  "client":"<commitment>","request_id":"<commitment>","action":"user.update","target":{"kind":"user","id":"<commitment>"},
//!  "before":"<commitment or nothing>","after":"<commitment or nothing>","prev":"<hash>"}
//! ```
//!
//! without any white space. `prev` is the leaf hash of the entry before, and 64 zeroes in the first.

use std::{borrow::Cow, io};

use kernel::{
    Timestamp,
    id::{AuditId, TenantId},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Commitment, Hash};

/// The version of the leaves' form.
const VERSION: u8 = 1;

/// Somebody or something, of which only the kind is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What kind of principal or thing it is.
    pub kind: String,
    /// Which.
    pub id: Commitment,
}

/// Who did what to what, when, for which tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The tenant whose data was changed.
    pub tenant_id: TenantId,
    /// Who did it.
    pub actor: Party,
    /// From where.
    pub client: Commitment,
    /// The request it came with.
    pub request_id: Commitment,
    /// What was done: `noun.verb`.
    pub action: String,
    /// What it was done to.
    pub target: Party,
    /// What was there before; none when there was nothing.
    pub before: Option<Commitment>,
    /// What is there now; none when nothing remained.
    pub after: Option<Commitment>,
}

impl Entry {
    /// The leaf: the bytes that are hashed, and what a bundle holds. `prev` is the leaf hash of the entry before, and
    /// [`Hash::ZERO`] for the first.
    pub fn leaf(&self, prev: Hash) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(768);
        Wire::of(self, prev).write(&mut bytes).expect("a vector takes all bytes, and every field is text");
        bytes
    }
}

/// An entry in its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What the entry says.
    pub entry: Entry,
    /// The leaf hash of the entry before.
    pub prev: Hash,
}

/// The bytes are no leaf.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// They are no JSON object with the fields of a leaf.
    #[error("it is no entry: {0}")]
    Json(#[from] serde_json::Error),
    /// The form is of a later version, or of none.
    #[error("its form is of version {0}, and 1 is known")]
    Version(u8),
    /// They are a leaf in another spelling than the one that is hashed.
    #[error("it is an entry, but not spelt as the log spells it")]
    Spelling,
}

impl Leaf {
    /// Reads a leaf and refuses every other spelling of it, so that an entry has one hash.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let wire: Wire<'_> = serde_json::from_slice(bytes)?;
        if wire.v != VERSION {
            return Err(LeafError::Version(wire.v));
        }
        let mut same = Same(bytes);
        if wire.write(&mut same).is_err() || !same.0.is_empty() {
            return Err(LeafError::Spelling);
        }
        Ok(wire.into_leaf())
    }
}

/// A leaf as it is written, in this order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u8,
    id: AuditId,
    at: Timestamp,
    tenant_id: TenantId,
    #[serde(borrow)]
    actor: WireParty<'a>,
    client: Commitment,
    request_id: Commitment,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    target: WireParty<'a>,
    #[serde(serialize_with = "write_state", deserialize_with = "read_state")]
    before: Option<Commitment>,
    #[serde(serialize_with = "write_state", deserialize_with = "read_state")]
    after: Option<Commitment>,
    prev: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireParty<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    id: Commitment,
}

impl<'a> Wire<'a> {
    fn of(entry: &'a Entry, prev: Hash) -> Self {
        Self {
            v: VERSION,
            id: entry.id,
            at: entry.at,
            tenant_id: entry.tenant_id,
            actor: WireParty::of(&entry.actor),
            client: entry.client,
            request_id: entry.request_id,
            action: Cow::Borrowed(&entry.action),
            target: WireParty::of(&entry.target),
            before: entry.before,
            after: entry.after,
            prev,
        }
    }

    fn write(&self, writer: impl io::Write) -> Result<(), serde_json::Error> {
        serde_json::to_writer(writer, self)
    }

    fn into_leaf(self) -> Leaf {
        let entry = Entry {
            id: self.id,
            at: self.at,
            tenant_id: self.tenant_id,
            actor: self.actor.into_party(),
            client: self.client,
            request_id: self.request_id,
            action: self.action.into_owned(),
            target: self.target.into_party(),
            before: self.before,
            after: self.after,
        };
        Leaf { entry, prev: self.prev }
    }
}

impl<'a> WireParty<'a> {
    fn of(party: &'a Party) -> Self {
        Self { kind: Cow::Borrowed(&party.kind), id: party.id }
    }

    fn into_party(self) -> Party {
        Party { kind: self.kind.into_owned(), id: self.id }
    }
}

#[expect(clippy::ref_option, reason = "serde passes the field so")]
fn write_state<S: Serializer>(state: &Option<Commitment>, serializer: S) -> Result<S::Ok, S::Error> {
    match state {
        Some(commitment) => commitment.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

fn read_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Commitment>, D::Error> {
    let text = <Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(de::Error::custom) }
}

/// Takes exactly the bytes that it holds: a comparison without a copy.
struct Same<'a>(&'a [u8]);

impl io::Write for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
