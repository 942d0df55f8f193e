//! DynamoDB as the house uses it: typed keys and items, queries with authenticated cursors, and [`Change`],
//! the one way to write.
//!
//! A function cannot reach a raw write. What it wants done it puts into a [`Change`], and [`Store::commit`] carries
//! the items, the audit entry, the outbox messages and the recorded answer to the DynamoDB in one transaction.
//! The exception is [`ephemeral`]: counters and leases that describe no state of the domain and expire by themselves.

#![warn(missing_docs)]

pub mod audit;
mod change;
mod client;

mod entity;
pub mod ephemeral;
mod failure;
pub mod idempotency;
pub mod job;
pub mod ledger;
pub mod limit;
mod meter;
pub mod outbox;
mod query;
pub mod revocation;
mod sealing;

pub use change::{Actor, Change, changed_meanwhile};
pub use client::Store;
pub use entity::{Entity, Index, Key, Stored, TTL, Table, sk_prefix};
pub use meter::{Capacity, Meter};
pub use query::Query;
pub use sealing::SealingKey;
