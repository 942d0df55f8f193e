//! See Cargo.toml.

pub mod email;
pub mod lockout;
pub mod mail_token;
pub mod password;
pub mod refresh;
pub mod tenant_name;
pub mod username;
