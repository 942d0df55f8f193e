//! API keys and limits, through the real router on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod admin;
mod event;
mod faults;
mod keys;
mod limits;
mod needs;
mod office;
mod trail;
mod units;
mod use_of_keys;
