//! One suite against a running API, over HTTP alone: the local cloud, or a stack that was deployed.
//!
//! Without `GROUNDWORK_URL` it starts a local cloud of its own. With it, it asks what runs there:
//! `GROUNDWORK_MAIL` says where that cloud's mails are read, `GROUNDWORK_OPERATOR` which file holds its operator's
//! credentials, `GROUNDWORK_CLOUD=emulator` that it is the emulator, whose gaps `skip` knows (`aws` without it). Cases make accounts of
//! their own, so that they run side by side and again.
#![allow(clippy::disallowed_methods, reason = "they wait for a system that runs elsewhere")]

mod api_keys;
mod audit;
mod client;
mod cloud;
mod cookies;
mod jobs;
mod limits;
mod mail;
mod operator;
mod people;
mod refusals;
mod service;
mod sessions;
mod skip;
mod tenants;
mod tokens;
