//! The audit log's format: what an entry is, how entries become one append-only log, and how anybody checks it.
//!
//! An [`Entry`] names what was done; what could identify a person stands in it as a salted [`Commitment`]. Entries are
//! chained, each holding the hash of the one before, and are the leaves of a Merkle tree ([RFC 9162 §2.1]). The tree is
//! published as [tiles](tile) and its size and root as a signed [`Checkpoint`] ([C2SP]), which is all that
//! [`verify()`] needs: it works on a folder, offline, and names the first entry that is not what was signed.
//!
//! Nothing here knows of AWS, HTTP, async, the environment or a clock.
//!
//! [RFC 9162 §2.1]: https://www.rfc-editor.org/rfc/rfc9162#section-2.1
//! [C2SP]: https://c2sp.org/tlog-tiles

#![warn(missing_docs)]

pub mod checkpoint;
pub mod commitment;
pub mod cosign;
pub mod entry;
pub mod frontier;
pub mod hash;
mod hex;
pub mod key;
pub mod note;
pub mod path;
pub mod proof;
pub mod sample;
pub mod source;
pub mod tamper;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod witness;
pub mod writer;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use commitment::{Commitment, Salt};
pub use cosign::Cosigner;
pub use entry::{Entry, Leaf, Party};
pub use frontier::Frontier;
pub use hash::Hash;
pub use key::{SigningKey, VerifierKey};
pub use path::Resource;
pub use source::{Folder, ReadError, Source};
pub use tamper::{ALTERATIONS, Alteration};
pub use tile::{Bundle, Tile};
pub use tree::Tiles;
pub use verify::{Failure, Report, verify};
pub use writer::LogWriter;
