//! The group's router on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod boots;
mod docs;
mod document;
mod event;
mod health;
mod ready;
mod silence;
mod units;
