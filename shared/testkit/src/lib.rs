//! For tests only: a function's real router on an embedded cloud of its own. No ports, no clean-up.

#![warn(missing_docs)]

mod app;
mod request;

pub use app::{App, Lab, START};
pub use cloud::{Cloud, Effect, InjectedFault, Service};
pub use request::{Answer, Call};
