//! The log's format: published vectors, the tree against its definition, and every alteration of a log.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod alterations;
mod definition;
mod properties;
mod vectors;
