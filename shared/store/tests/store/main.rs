//! The store on a real database: what is atomic, what is conditional, what is raced.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod changes;
mod faults;
mod idempotency;
mod note;
mod pages;
