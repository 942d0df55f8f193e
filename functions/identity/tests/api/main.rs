//! The group's endpoints, in-process on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod account;
mod auth;
mod bodies;
mod cast;
mod cookies;
mod events;
mod filters;
mod forge;
mod idempotency;
mod imported;
mod keys;
mod leaving;
mod lockout;
mod mail;
mod mailbox;
mod matrix;
mod members;
mod password;
mod people;
mod races;
mod rows;
mod rs256;
mod sessions;
mod tenants;
mod users;
mod walk;
