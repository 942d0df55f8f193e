//! The audit log, from a change to its proof, on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod archive;
mod crashes;
mod document;
mod erasing;
mod event;
mod export_job;
mod exporting;
mod needs;
mod reading;
mod tampering;
mod units;
