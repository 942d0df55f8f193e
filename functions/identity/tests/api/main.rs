//! The group's endpoints, in-process on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod account;
mod auth;
mod cookies;
mod events;
mod idempotency;
mod lockout;
mod mail;
mod mailbox;
mod password;
mod people;
mod races;
mod sessions;
