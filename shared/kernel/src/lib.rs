//! Pure rules every room stands on: ids, time, principals, permissions, errors, pagination, input, token claims.
//!
//! Nothing here knows of AWS, HTTP, async, the environment or a clock: a decision takes values and
//! [`Timestamp`] `now`, and returns values.

#![warn(missing_docs)]

pub mod api_key;
pub mod claims;
pub mod display_name;
pub mod error;
pub mod id;
pub mod input;
pub mod job;
pub mod json;
pub mod limit;
pub mod network;
pub mod oauth;
pub mod page;
pub mod permission;
pub mod principal;
pub mod redact;
pub mod revocation;
pub mod time;

pub use display_name::DisplayName;
pub use error::{Error, Fault, Result};
pub use input::{Input, Pointer};
pub use limit::{Quota, Rate};
pub use network::Network;
pub use page::{Limit, Page, Sort};
pub use permission::{Permission, Permit};
pub use principal::{Principal, PrincipalKind, Role};
pub use redact::Secret;
pub use time::Timestamp;
