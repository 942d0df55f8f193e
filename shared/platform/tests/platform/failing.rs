//! AWS whose Secrets Manager answers until it fails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use aws_types::SdkConfig;

#[derive(Clone, Debug, Default)]
pub(crate) struct Failing(Arc<AtomicBool>);

#[derive(Debug)]
struct Connector {
    aws: SharedHttpConnector,
    failing: Failing,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if target.starts_with("secretsmanager.") && self.failing.0.load(Ordering::SeqCst) {
            HttpConnectorFuture::ready(Ok(HttpResponse::new(500.try_into().unwrap(), SdkBody::empty())))
        } else {
            self.aws.call(request)
        }
    }
}

impl Failing {
    /// The same configuration, in which this fails.
    pub(crate) fn over(&self, config: &SdkConfig) -> SdkConfig {
        let (aws, failing) = (config.http_client().unwrap(), self.clone());
        let client = http_client_fn(move |settings, components| {
            SharedHttpConnector::new(Connector {
                aws: aws.http_connector(settings, components),
                failing: failing.clone(),
            })
        });
        config.to_builder().http_client(client).retry_config(RetryConfig::disabled()).build()
    }

    pub(crate) fn set(&self, fails: bool) {
        self.0.store(fails, Ordering::SeqCst);
    }
}
