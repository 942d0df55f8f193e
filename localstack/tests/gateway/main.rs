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
use localstack::invoke::{Functions, Loaded};
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

/// Starts a gateway whose buffered function is `router`.
async fn start(router: Router, throttled: bool) -> Running {
    start_both(router, Router::new(), throttled).await
}

/// Starts a gateway before a buffered function and one that streams.
async fn start_both(router: Router, stream: Router, throttled: bool) -> Running {
    let functions = [("Echo", Function::Http(router)), ("Speak", Function::HttpStreaming(stream))];
    start_template(&Template::parse(TEMPLATE, &BTreeMap::new()).unwrap(), functions, throttled).await
}

/// Starts the gateway of a template before these functions.
async fn start_template<const N: usize>(
    template: &Template,
    functions: [(&str, Function); N],
    throttled: bool,
) -> Running {
    let cloud = Cloud::memory(template).unwrap();
    let functions = load(template, functions);
    let gateway = Arc::new(Gateway::new(template.api.clone().unwrap(), functions, throttled).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stopper, stop) = stop::channel();
    tokio::spawn(serve(listener, gateway, cloud.clone(), stop));
    Running { addr, cloud, stopper }
}

/// The template's functions, as `functions` says.
fn load<const N: usize>(template: &Template, functions: [(&str, Function); N]) -> Functions {
    let load = |(id, function): (&str, Function)| {
        let declared = template.functions.iter().find(|declared| declared.logical_id == id).unwrap().clone();
        (id.to_owned(), Loaded { declared, function })
    };
    Arc::new(functions.into_iter().map(load).collect())
}
