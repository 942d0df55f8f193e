//! The gateway over real sockets, before small functions.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which may fail and may know the time"
)]

mod answers;
mod client;
mod refusals;
mod requests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use cloud::{Cloud, Template};
use localstack::gateway::{Gateway, serve};
use localstack::invoke::Loaded;
use localstack::stop;
use platform::Function;
use tokio::net::TcpListener;

const TEMPLATE: &str = include_str!("template.yaml");

/// A running gateway; it ends with this value.
struct Running {
    addr: SocketAddr,
    cloud: Cloud,
    stopper: stop::Stopper,
}

/// Starts a gateway whose only function is `router`.
async fn start(router: Router, throttled: bool) -> Running {
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
    let cloud = Cloud::memory(&template).unwrap();
    let declared = template.functions[0].clone();
    let loaded = Loaded { declared: declared.clone(), function: Function::Http(router) };
    let functions = Arc::new(BTreeMap::from([(declared.logical_id, loaded)]));
    let gateway = Arc::new(Gateway::new(template.api.unwrap(), functions, throttled));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stopper, stop) = stop::channel();
    tokio::spawn(serve(listener, gateway, cloud.clone(), stop));
    Running { addr, cloud, stopper }
}
