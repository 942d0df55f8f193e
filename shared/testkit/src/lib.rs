//! For tests only: a function's real router on an embedded cloud of its own. No ports, no clean-up.

#![warn(missing_docs)]

mod app;
pub mod faults;
pub mod handler;
mod issuer;
pub mod job;
pub mod queue;
mod request;
pub mod rows;
pub mod server;
pub mod trail;
pub mod units;
mod witness;

pub use app::{App, Lab, REQUEST_ID, START};
pub use cloud::{Cloud, Effect, InjectedFault, Service};
pub use issuer::Issuer;
pub use request::{Answer, Call};
pub use witness::Witness;
