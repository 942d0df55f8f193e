//! How a noun becomes an item: its key, its kind, its version, its revision.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::{Error, Result, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

/// The attribute by which DynamoDB knows when an item may go, in seconds since the Unix epoch: the tables of `template.yaml`
/// name the same.
pub const TTL: &str = "ttl";

/// An item as the SDK carries it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A table, named by the environment variable that holds its physical name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table(pub &'static str);

/// A global secondary index. Its key attributes are `<name>pk` and `<name>sk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Index(pub &'static str);

/// The primary key of an item, or its key in an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key from its two parts. Each entity has one function that calls this, from typed inputs.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The primary key of a read item.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        Some(Self::new(item.get("pk")?.as_s().ok()?, item.get("sk")?.as_s().ok()?))
    }

    pub(crate) fn attributes(&self) -> Item {
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }
}

/// The sort-key prefix shared by all items of a kind within a partition: `KIND#`.
pub fn sk_prefix<T: Entity>() -> String {
    format!("{}#", T::KIND)
}

/// A noun that is stored. Its fields are serialised as attributes; `pk`, `sk`, the index keys, `kind`, `v`, `rev`
/// and `ttl` are added and must not be field names.
pub trait Entity: Serialize + DeserializeOwned {
    /// What the item is, stored as `kind`.
    const KIND: &'static str;
    /// The version of its shape, stored as `v`.
    const VERSION: u32 = 1;
    /// The table it lives in.
    const TABLE: Table;

    /// Its primary key.
    fn key(&self) -> Key;

    /// Its keys in the indexes that it appears in.
    fn index_keys(&self) -> Vec<(Index, Key)> {
        Vec::new()
    }

    /// When DynamoDB may delete it (TTL, some hours late at worst: readers check for themselves).
    fn ttl(&self) -> Option<Timestamp> {
        None
    }
}

/// An entity as it was read, with the revision that a later write is conditional on.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The entity.
    pub value: T,
    pub(crate) rev: u64,
}

impl<T> Stored<T> {
    /// How often it was written: every write makes it one more.
    pub const fn rev(&self) -> u64 {
        self.rev
    }

    /// What is stored in its place once a change that replaces it with this is committed.
    #[must_use]
    pub fn followed_by(&self, next: T) -> Self {
        Self { value: next, rev: self.rev + 1 }
    }
}

impl<T> std::ops::Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// Attributes that are ours; index keys besides.
const RESERVED: [&str; 6] = ["pk", "sk", "kind", "v", "rev", "ttl"];

/// The item of an entity at a revision.
pub(crate) fn encode<T: Entity>(entity: &T, rev: u64) -> Result<Item> {
    let mut item: Item =
        serde_dynamo::to_item(entity).map_err(|error| Error::internal("encode an item", error))?;
    if let Some(name) = RESERVED.iter().find(|name| item.contains_key(**name)) {
        return Err(Error::internal("encode an item", format!("{} has a field called {name}", T::KIND)));
    }
    item.extend(entity.key().attributes());
    for (Index(name), key) in entity.index_keys() {
        item.insert(format!("{name}pk"), text(key.pk));
        item.insert(format!("{name}sk"), text(key.sk));
    }
    item.insert("kind".to_owned(), text(T::KIND));
    item.insert("v".to_owned(), number(T::VERSION));
    item.insert("rev".to_owned(), number(rev));
    if let Some(at) = entity.ttl() {
        item.insert(TTL.to_owned(), number(at.seconds()));
    }
    Ok(item)
}

/// The entity of an item.
pub(crate) fn decode<T: Entity>(item: Item) -> Result<Stored<T>> {
    let kind = item.get("kind").and_then(|kind| kind.as_s().ok());
    if kind.map(String::as_str) != Some(T::KIND) {
        let found = format!("expected an item of kind {}, found {kind:?}", T::KIND);
        return Err(Error::internal("decode an item", found));
    }
    let rev = item.get("rev").and_then(|rev| rev.as_n().ok()).and_then(|rev| rev.parse().ok()).unwrap_or(0);
    let value = serde_dynamo::from_item(item).map_err(|error| Error::internal("decode an item", error))?;
    Ok(Stored { value, rev })
}
