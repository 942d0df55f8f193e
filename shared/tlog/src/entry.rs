//! The log's leaves: one JSON object each, in one spelling, chained to the one before.
//!
//! ```json
//! {"v":1,"id":"<UUIDv7>","at":"<RFC 3339>","tenant_id":"<UUID>","actor":{"kind":"user","id":"<commitment>"},
//!  "client":"<commitment>","request_id":"<commitment>","action":"user.update",
//!  "target":{"kind":"user","id":"<commitment>"},"before":"<commitment or nothing>",
//!  "after":"<commitment or nothing>","prev":"<hash>"}
//! ```
//!
//! without any white space. `prev` is the leaf hash of the entry before, and 64 zeroes in the first.

use std::{borrow::Cow, fmt, str::FromStr};

use kernel::{
    Timestamp,
    id::{AuditId, TenantId},
};
use serde::{Deserialize, Serialize};

use crate::{Commitment, Hash};

/// Somebody or something, of which only the kind is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// What kind of principal or thing it is.
    pub kind: String,
    /// Which.
    pub id: Commitment,
}

/// Who did what to what, when, for which tenant.
/// Written by `serde` it is what a database keeps of an entry, and no leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Commitment>,
    /// What is there now; none when nothing remained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Commitment>,
}

impl Entry {
    /// The leaf: the bytes that are hashed, and what a bundle holds. `prev` is the leaf hash of the entry before, and
    /// [`Hash::ZERO`] for the first.
    pub fn leaf(&self, prev: Hash) -> Vec<u8> {
        let Self { id, at, tenant_id, client, request_id, .. } = self;
        let [actor, target] = [Object(&self.actor), Object(&self.target)];
        let action = Quoted(&self.action);
        let [before, after] = [State(self.before), State(self.after)];
        let leaf = format!(
            "{{\"v\":1,\"id\":\"{id}\",\"at\":\"{at}\",\"tenant_id\":\"{tenant_id}\",\"actor\":{actor},\
             \"client\":\"{client}\",\"request_id\":\"{request_id}\",\"action\":{action},\"target\":{target},\
             \"before\":\"{before}\",\"after\":\"{after}\",\"prev\":\"{prev}\"}}"
        );
        leaf.into_bytes()
    }
}

/// A party as it is written.
struct Object<'a>(&'a Party);

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"kind\":{},\"id\":\"{}\"}}", Quoted(&self.0.kind), self.0.id)
    }
}

/// Text as it is written: JSON as `serde_json` spells it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// What there was, or nothing.
struct State(Option<Commitment>);

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |commitment| commitment.fmt(f))
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

/// The bytes are no leaf, or spelt otherwise than the leaf that is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at its byte {at} should be {wanted}")]
pub struct LeafError {
    /// The first byte that is not as it must be, or the start of the field that is not.
    pub at: usize,
    /// What must be there.
    pub wanted: &'static str,
}

impl Leaf {
    /// Reads a leaf. Its form leaves nothing to choose, so that an entry has one spelling and one hash. Reading it as
    /// it must be takes half as long as reading any JSON, writing it again and comparing.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let mut scan = Scan { bytes, at: 0 };
        scan.literal("{\"v\":1,\"id\":\"")?;
        let id = scan.value("the entry's id")?;
        scan.literal(",\"at\":\"")?;
        let at = scan.time()?;
        scan.literal(",\"tenant_id\":\"")?;
        let tenant_id = scan.value("the tenant's id")?;
        scan.literal(",\"actor\":")?;
        let actor = scan.party()?;
        scan.literal(",\"client\":\"")?;
        let client = scan.value("a commitment")?;
        scan.literal(",\"request_id\":\"")?;
        let request_id = scan.value("a commitment")?;
        scan.literal(",\"action\":\"")?;
        let action = scan.text()?.into_owned();
        scan.literal(",\"target\":")?;
        let target = scan.party()?;
        scan.literal(",\"before\":\"")?;
        let before = scan.state()?;
        scan.literal(",\"after\":\"")?;
        let after = scan.state()?;
        scan.literal(",\"prev\":\"")?;
        let prev = scan.value("the hash of the entry before")?;
        scan.literal("}")?;
        scan.end()?;
        let entry = Entry { id, at, tenant_id, actor, client, request_id, action, target, before, after };
        Ok(Self { entry, prev })
    }
}

/// Reads one spelling, from the front.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Exactly this.
    fn literal(&mut self, wanted: &'static str) -> Result<(), LeafError> {
        if !self.rest().starts_with(wanted.as_bytes()) {
            return Err(LeafError { at: self.at, wanted });
        }
        self.at += wanted.len();
        Ok(())
    }

    /// A value whose type has one spelling, and the quotation mark behind it.
    fn value<T: FromStr>(&mut self, wanted: &'static str) -> Result<T, LeafError> {
        let error = LeafError { at: self.at, wanted };
        let value = self.plain().and_then(|text| text.parse().ok());
        value.ok_or(error)
    }

    /// A time, of whose spellings the log has one.
    fn time(&mut self) -> Result<Timestamp, LeafError> {
        let error = LeafError { at: self.at, wanted: "a time in UTC with three decimals" };
        let text = self.plain().ok_or(error)?;
        let time: Timestamp = text.parse().map_err(|_| error)?;
        if time.to_string() == text { Ok(time) } else { Err(error) }
    }

    fn state(&mut self) -> Result<Option<Commitment>, LeafError> {
        if self.rest().starts_with(b"\"") {
            self.at += 1;
            return Ok(None);
        }
        self.value("a commitment or nothing").map(Some)
    }

    fn party(&mut self) -> Result<Party, LeafError> {
        self.literal("{\"kind\":\"")?;
        let kind = self.text()?.into_owned();
        self.literal(",\"id\":\"")?;
        let id = self.value("a commitment")?;
        self.literal("}")?;
        Ok(Party { kind, id })
    }

    /// Any text, and the quotation mark behind it.
    fn text(&mut self) -> Result<Cow<'a, str>, LeafError> {
        let start = self.at;
        let error = LeafError { at: start, wanted: "text as JSON has it" };
        if let Some(text) = self.plain()
            && !text.contains(|c: char| c == '\\' || c < ' ')
        {
            return Ok(Cow::Borrowed(text));
        }
        // It has escapes: the quotation mark that was found may be one of them.
        let quoted = &self.bytes[start - 1..];
        let mut values = serde_json::Deserializer::from_slice(quoted).into_iter::<String>();
        let text = values.next().and_then(Result::ok).ok_or(error)?;
        let quoted = &quoted[..values.byte_offset()];
        if Quoted(&text).to_string().as_bytes() != quoted {
            return Err(error);
        }
        self.at = start - 1 + quoted.len();
        Ok(Cow::Owned(text))
    }

    /// What stands before the next quotation mark, which is read over.
    fn plain(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == b'"')?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).ok()
    }

    fn end(&self) -> Result<(), LeafError> {
        if self.rest().is_empty() { Ok(()) } else { Err(LeafError { at: self.at, wanted: "its end" }) }
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

#[cfg(test)]
mod tests;
