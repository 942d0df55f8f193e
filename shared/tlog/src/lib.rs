//! The audit log's format: one append-only log that anybody can check.
//!
//! Nothing here knows of AWS, HTTP, async, the environment or a clock.

#![warn(missing_docs)]

pub mod checkpoint;
pub mod cosign;
pub mod frontier;
pub mod hash;
mod hex;
pub mod key;
pub mod note;
pub mod path;
pub mod proof;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use cosign::Cosigner;
pub use frontier::Frontier;
pub use hash::Hash;
pub use key::{SigningKey, VerifierKey};
pub use path::Resource;
pub use tile::{Bundle, Tile};
pub use tree::Tiles;
