//! AWS that takes every request and never answers.

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use aws_types::SdkConfig;

#[derive(Debug)]
struct Silence;

impl HttpConnector for Silence {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// The same configuration with nobody at the other end.
pub(crate) fn aws(config: &SdkConfig) -> SdkConfig {
    let client = http_client_fn(|_, _| SharedHttpConnector::new(Silence));
    config.clone().into_builder().http_client(client).build()
}
