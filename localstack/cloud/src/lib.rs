//! The embedded cloud: `template.yaml` read, and the AWS services it names, in this process.
//!
//! [`Template`] evaluates the SAM template. [`Cloud`] provides what it declares — tables, queues, secrets,
//! buckets, mail — either in memory (every test gets its own, in a few milliseconds) or in a data folder that
//! survives `kill -9`. Functions reach it through the real AWS SDKs: [`Cloud::sdk_config`] carries an HTTP
//! client that answers in-process, so requests are built, signed, retried and parsed exactly as against AWS.
//! [`Cloud::serve_aws`] offers the same services on a port for `aws --endpoint-url`.
//!
//! `DynamoDB` is dynoxide. Queues, secrets, objects and mail are small services of our own on one `SQLite`
//! file, because their state has to be durable before a call is answered.

mod client;
mod clock;
mod cloud;
mod db;
mod dynamo;
mod fault;
mod iam;
mod mail;
mod port;
mod provision;
mod s3;
mod secrets;
mod service;
mod sqs;
pub mod template;
mod wire;

pub use cloud::{Cloud, CloudError, make_data_dir};
pub use fault::{Effect, InjectedFault};
pub use iam::Permission;
pub use mail::Mail;
pub use service::Service;
pub use sqs::sqs_event;
pub use template::{Template, TemplateError};
