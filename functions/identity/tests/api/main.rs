//! The group's endpoints, in-process on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod account;
mod auth;
mod bodies;
mod captcha;
mod cast;
mod cookies;
mod dates;
mod events;
mod faults;
mod filters;
mod forge;
mod idempotency;
mod imported;
mod importing;
mod jobs_of_the_gone;
mod key_life;
mod keys;
mod leaving;
mod limits;
mod lockout;
mod machines;
mod mail;
mod mailbox;
mod matrix;
mod members;
mod needs;
mod new_keys;
mod oidc;
mod password;
mod people;
mod process;
mod provider;
mod races;
mod reauthentication;
mod rotation;
mod rs256;
mod sessions;
mod tenants;
mod token;
mod trail;
mod units;
mod uploads;
mod users;
mod vault;
mod vouched;
mod walk;
mod wire;
