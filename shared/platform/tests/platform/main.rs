//! The edge on a small router of its own: what surrounds every handler, and how Lambda runs it.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod browsers;
mod failing;
mod ground;
mod log;
mod revocations;
mod secrets;
mod streaming;
mod surroundings;
mod token;
