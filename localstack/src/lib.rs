//! The local cloud: everything `template.yaml` declares, in one process on one machine.
//!
//! [`cloud`] provides the AWS services. Here is what AWS puts around functions: the API gateway, which turns
//! HTTP into the events API Gateway makes of it and back; the triggers, which feed functions from queues,
//! streams and clocks; and the start and stop of it all. Functions are the very constructors their Lambda
//! binaries run.

pub mod functions;
pub mod gateway;
pub mod invoke;
mod operator;
mod settings;
mod start;
pub mod stop;
pub mod trigger;

pub use settings::Settings;
pub use start::{StartError, run};
