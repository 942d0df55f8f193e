//! Both Lambdas, on an embedded cloud with real stream records.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod desk;
mod events;
mod relay;
mod silent;
mod sweeper;
