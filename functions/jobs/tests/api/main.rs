//! Jobs, through the real router, relay, sweeper and worker on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test's helper fails its test, and reads tokio's clock, which is paused; clippy knows the test functions only"
)]

/// As the local cloud has it: a simulated world allocates more than it computes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod effect;
mod event;
mod life;
mod needs;
mod plant;
mod sim;
mod trail;
mod units;
mod worker;
