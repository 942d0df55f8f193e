//! Functions: what AWS invokes, and what the local cloud invokes in AWS's place.

use std::{convert::Infallible, process::ExitCode, sync::Arc};

use aws_config::{Region, environment::EnvironmentVariableCredentialsProvider};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_lambda_events::{
    dynamodb::Event as StreamEvent,
    eventbridge::EventBridgeEvent,
    secretsmanager::SecretsManagerSecretRotationEvent as RotationEvent,
    sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_types::SdkConfig;
use axum::Router;
use bytes::Bytes;
use futures_util::{
    Stream,
    future::{BoxFuture, join_all},
};
use lambda_http::{Adapter, StreamAdapter, request::LambdaRequest};
use lambda_runtime::{Error, LambdaEvent, Service, StreamResponse, service_fn};
use tower::ServiceBuilder;
use tracing::Instrument as _;

use crate::{
    Boot, BootError, Clock, Curfew, argon2id,
    config::{ConfigError, Reader, Vars},
    telemetry::{self, LogLevel, causes},
};

/// Handles a batch of queue messages, and stops at the curfew; answers those that failed.
pub type SqsHandler = Arc<dyn Fn(SqsEvent, Curfew) -> BoxFuture<'static, SqsBatchResponse> + Send + Sync>;

/// Handles a batch of stream records; answers the first that failed.
pub type StreamHandler = Arc<dyn Fn(StreamEvent) -> BoxFuture<'static, DynamoDbEventResponse> + Send + Sync>;

/// Handles a schedule's tick.
pub type ScheduleHandler =
    Arc<dyn Fn(EventBridgeEvent) -> BoxFuture<'static, Result<(), kernel::Error>> + Send + Sync>;

/// Handles one step of a secret's rotation.
pub type RotationHandler =
    Arc<dyn Fn(RotationEvent) -> BoxFuture<'static, Result<(), kernel::Error>> + Send + Sync>;

/// A function, built and ready to be invoked.
#[derive(Clone)]
pub enum Function {
    /// Behind API Gateway, answering each request at once.
    Http(Router),
    /// Behind API Gateway's `ResponseTransferMode: STREAM`: a body reaches the client as it is written.
    HttpStreaming(Router),
    /// Behind a queue.
    Sqs(SqsHandler),
    /// Behind a table's stream.
    Stream(StreamHandler),
    /// Behind a schedule.
    Schedule(ScheduleHandler),
    /// Behind Secrets Manager, which calls it once for each step of a rotation.
    Rotation(RotationHandler),
}

/// The service that answers an API Gateway event with a buffered response, as `lambda_http::run` would.
///
/// It is made anew for each event where events run concurrently: the adapter is not `Send`, its future is.
pub fn buffered(
    router: Router,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: serde::Serialize + Send, Error = Infallible, Future: Send>
{
    ServiceBuilder::new().map_request(prepare).service(Adapter::from(router))
}

/// The service that answers an API Gateway event with a response whose body is still being written, as
/// `lambda_http::run_with_streaming_response` would.
pub fn streaming(
    router: Router,
) -> impl Service<
    LambdaEvent<LambdaRequest>,
    Response = StreamResponse<impl Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin + 'static>,
    Error = Infallible,
    Future: Send,
> {
    ServiceBuilder::new().map_request(prepare).service(StreamAdapter::from(router))
}

/// Mends what `lambda_http` makes of a REST event. It lets `headers`, which holds the last of each, override
/// `multiValueHeaders`, which holds all: a second `Authorization` would go unnoticed. And it puts the stage into the
/// path, which our routes do not have.
fn prepare(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV1(request) = &mut event.payload {
        if !request.multi_value_headers.is_empty() {
            request.headers.clear();
        }
        request.request_context.stage = None;
    }
    event
}

/// Works through a batch, its messages at once, each in a span with its request's id; answers those that should come
/// again. `work` says what became of one. What never succeeds ends as a dead letter.
pub async fn each_message<'a, F>(event: &'a SqsEvent, work: impl Fn(&'a str) -> F) -> SqsBatchResponse
where
    F: Future<Output = kernel::Result<&'static str>>,
{
    let handle = |message: &'a SqsMessage| {
        let message_id = message.message_id.clone().unwrap_or_default();
        let request_id = message.message_attributes.get("request_id");
        let request_id = request_id.and_then(|id| id.string_value.as_deref()).unwrap_or_default();
        let span = tracing::info_span!("message", request_id, message_id);
        let work = work(message.body.as_deref().unwrap_or_default());
        async move {
            match work.await {
                Ok(outcome) => {
                    tracing::info!(outcome, "done");
                    None
                }
                Err(error) => {
                    tracing::error!(error = causes(&error), "it should come again");
                    Some(message_id)
                }
            }
        }
        .instrument(span)
    };
    failed_messages(join_all(event.records.iter().map(handle)).await.into_iter().flatten())
}

/// The answer that makes SQS deliver these messages again.
pub fn failed_messages(ids: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ids
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

/// The answer that makes the stream go on from this sequence number.
pub fn failed_record(sequence_number: Option<String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = sequence_number
        .into_iter()
        .map(|number| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(number);
            failure
        })
        .collect();
    response
}

/// Runs a function on Lambda until the sandbox ends: the whole of a `main`.
pub fn run<F>(build: F) -> ExitCode
where
    F: AsyncFnOnce(Boot) -> Result<Function, BootError>,
{
    // One request at a time runs in a sandbox: a second thread would only cost start-up.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve(build)),
        Err(error) => Err(Error::from(error).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Boot(error)) => {
            tracing::error!(error = telemetry::causes(&error), "the function cannot start");
            ExitCode::from(error.exit_code())
        }
        Err(Failure::Runtime(error)) => {
            tracing::error!(error = %error, "the Lambda runtime failed");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Boot(BootError),
    Runtime(Error),
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        Self::Boot(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Runtime(error)
    }
}

async fn serve<F>(build: F) -> Result<(), Failure>
where
    F: AsyncFnOnce(Boot) -> Result<Function, BootError>,
{
    let vars = Vars::from_process();
    let surroundings = Surroundings::read(&vars);
    telemetry::init(surroundings.as_ref().map_or(LogLevel::INFO, |read| read.log_level));
    let boot = surroundings.map_err(BootError::from)?.boot(vars);
    let function = build(boot).await?;
    match function {
        Function::Http(router) => lambda_runtime::run(buffered(router)).await?,
        Function::HttpStreaming(router) => lambda_runtime::run(streaming(router)).await?,
        Function::Sqs(handle) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
                let curfew = Clock::System.until(event.context.deadline).into();
                let answer = handle(event.payload, curfew);
                async move { Ok::<_, Error>(answer.await) }
            }))
            .await?;
        }
        Function::Stream(handle) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<StreamEvent>| {
                let answer = handle(event.payload);
                async move { Ok::<_, Error>(answer.await) }
            }))
            .await?;
        }
        Function::Schedule(handle) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<EventBridgeEvent>| {
                let answer = handle(event.payload);
                async move { answer.await.map_err(Error::from) }
            }))
            .await?;
        }
        Function::Rotation(handle) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<RotationEvent>| {
                let answer = handle(event.payload);
                async move { answer.await.map_err(Error::from) }
            }))
            .await?;
        }
    }
    Ok(())
}

impl Boot {
    /// What the process's own environment says: for a tool that does a function's work elsewhere.
    ///
    /// # Errors
    /// When what Lambda would set is not set.
    pub fn from_process() -> Result<Self, ConfigError> {
        let vars = Vars::from_process();
        Ok(Surroundings::read(&vars)?.boot(vars))
    }
}

/// What Lambda tells every function, and what this deployment tells all of its own.
struct Surroundings {
    /// `LOG_LEVEL`: `info` unless told.
    log_level: LogLevel,
    /// `AWS_REGION`: set by Lambda.
    region: String,
    /// `AWS_ENDPOINT_URL`: where AWS answers, when that is an emulator.
    endpoint_url: Option<String>,
    /// `AWS_TRUST_SYSTEM_ROOTS`: trust the system's authorities instead of Amazon's, for endpoints behind others.
    trusts_system_roots: bool,
}

impl Surroundings {
    fn read(vars: &Vars) -> Result<Self, ConfigError> {
        let mut env = Reader::new(vars);
        let log_level = env.or("LOG_LEVEL", "info");
        let region = env.required("AWS_REGION");
        env.finish(|| {
            Some(Self {
                log_level: log_level?,
                region: region?,
                endpoint_url: vars.get("AWS_ENDPOINT_URL").map(str::to_owned),
                trusts_system_roots: vars.get("AWS_TRUST_SYSTEM_ROOTS").is_some(),
            })
        })
    }

    fn boot(self, vars: Vars) -> Boot {
        Boot { vars, aws: self.load_aws(), clock: Clock::System, password_cost: argon2id::CURRENT }
    }

    /// What every AWS client is made of. The SDK's own loader would look for profiles, instance metadata and token
    /// services besides, none of which a sandbox has, and cost a tenth of the start.
    ///
    /// TLS runs on ring and trusts only the roots that AWS endpoints chain to, because parsing the system's hundred
    /// and fifty takes longer than all else.
    fn load_aws(self) -> SdkConfig {
        let trust = if self.trusts_system_roots {
            TrustStore::default()
        } else {
            AMAZON_ROOTS
                .iter()
                .fold(TrustStore::empty(), |trust, pem| trust.with_pem_certificate(pem.as_bytes()))
        };
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .tls_context(tls.expect("the embedded certificates are PEM"))
            .build_https();
        let mut config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .region(Region::new(self.region))
            .http_client(client);
        config.set_endpoint_url(self.endpoint_url);
        config.build()
    }
}

/// Amazon Trust Services' roots, from <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: [&str; 5] = [
    include_str!("../roots/amazon-root-ca-1.pem"),
    include_str!("../roots/amazon-root-ca-2.pem"),
    include_str!("../roots/amazon-root-ca-3.pem"),
    include_str!("../roots/amazon-root-ca-4.pem"),
    include_str!("../roots/starfield-services-root-ca-g2.pem"),
];
