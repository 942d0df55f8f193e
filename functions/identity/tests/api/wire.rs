//! The function on a wire to AWS that a test has its hands on.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::client::{
    http::{HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use platform::Boot;
use testkit::App;

/// What is done with a request: it goes on to AWS unless this answers it.
type Hook = dyn Fn(&HttpRequest) -> Option<HttpConnectorFuture> + Send + Sync;

struct Wire {
    aws: SharedHttpConnector,
    hook: Arc<Hook>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        (self.hook)(&request).unwrap_or_else(|| self.aws.call(request))
    }
}

/// The function once more, whose calls to AWS pass `hook`.
pub(crate) async fn wired(
    app: &App,
    hook: impl Fn(&HttpRequest) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
) -> App {
    let hook: Arc<Hook> = Arc::new(hook);
    let build = async |boot: Boot| {
        let aws = boot.aws.http_client().unwrap();
        let client = http_client_fn(move |settings, components| {
            let aws = aws.http_connector(settings, components);
            SharedHttpConnector::new(Wire { aws, hook: Arc::clone(&hook) })
        });
        identity::function(Boot { aws: boot.aws.to_builder().http_client(client).build(), ..boot }).await
    };
    app.lab().http("identity", build).await
}
