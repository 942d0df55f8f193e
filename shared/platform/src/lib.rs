//! The Lambda edge: everything between AWS and a handler.
//!
//! A function is a constructor `async fn function(boot: Boot) -> Result<Function, BootError>`, run by [`run`] on
//! Lambda and by the local cloud in-process. HTTP handlers take their powers from their signature:
//! [`Allowed<P>`] names the permission and holds the tenant, [`Json<T>`] and [`Create<T>`] hold a body that is
//! already right, and every error becomes a problem document in one place.

#![warn(missing_docs)]

pub mod admin_secret;
pub mod api_key;
pub mod argon2id;
pub mod auth;
pub mod boot;
pub mod bucket;
pub mod clock;
pub mod config;
pub mod cookie;
pub mod curfew;
pub mod digest;
pub mod edge;
pub mod extract;
pub mod function;
pub mod http;
pub mod ids;
pub mod job;
pub mod jwt;
pub mod kept;
pub mod keyring;
pub mod keys;
pub mod limiter;
pub mod mail;
pub mod metrics;
pub mod needs;
pub mod openapi;
pub mod outbound;
pub mod problem;
pub mod queue;
pub mod respond;
pub mod secrets;
pub mod telemetry;
pub mod tenancy;

pub use auth::{Allowed, Guarded, Public, Visitor};
pub use boot::{Boot, BootError};
pub use clock::Clock;
pub use curfew::Curfew;
pub use edge::Edge;
pub use extract::{Create, Form, Json, Paging, Path, Query};
pub use function::{Function, run};
pub use needs::{Grant, Needs};
pub use problem::{Problem, Result};
pub use respond::{Conditional, Created, NoContent, Publication, View};
