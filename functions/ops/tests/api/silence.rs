//! AWS that answers until it is silenced; then it takes every request and never answers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use aws_types::SdkConfig;

#[derive(Clone, Debug, Default)]
pub(crate) struct Silence(Arc<AtomicBool>);

#[derive(Debug)]
struct Connector {
    aws: SharedHttpConnector,
    silence: Silence,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.silence.0.load(Ordering::SeqCst) {
            HttpConnectorFuture::new(std::future::pending())
        } else {
            self.aws.call(request)
        }
    }
}

impl Silence {
    /// The same configuration, which this silences.
    pub(crate) fn over(&self, config: &SdkConfig) -> SdkConfig {
        let (aws, silence) = (config.http_client().unwrap(), self.clone());
        let client = http_client_fn(move |settings, components| {
            SharedHttpConnector::new(Connector {
                aws: aws.http_connector(settings, components),
                silence: silence.clone(),
            })
        });
        config.to_builder().http_client(client).build()
    }

    pub(crate) fn fall(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
