//! The SDK's HTTP client that answers in this process.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;

use std::sync::Arc;

use crate::cloud::Cloud;
use crate::iam::Role;

/// Hands every request of an SDK to the cloud, on behalf of a function's role or of root.
#[derive(Debug, Clone)]
pub(crate) struct InProcess {
    pub(crate) cloud: Cloud,
    pub(crate) role: Option<Arc<Role>>,
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move { client.answer(request).await })
    }
}

impl InProcess {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
        // An SDK call over a socket yields at least here and once after. Without that, tasks on one thread would
        // run each call to its end and races in the code under test would never show.
        tokio::task::yield_now().await;
        let request = http::Request::from_parts(parts, body);
        let reply = self.cloud.call(request, self.role.as_deref()).await;
        tokio::task::yield_now().await;
        let reply = reply.map_err(|broken| ConnectorError::io(broken.into()))?;
        reply
            .map(SdkBody::from)
            .try_into()
            .map_err(|e: aws_smithy_runtime_api::http::HttpError| ConnectorError::user(e.into()))
    }
}
