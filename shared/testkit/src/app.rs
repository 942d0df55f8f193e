//! An embedded cloud for one test, and the functions in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    http::Request,
};
use cloud::{Cloud, Template};
use http_body_util::BodyExt as _;
use kernel::Timestamp;
use lambda_http::{
    Context, LambdaEvent, aws_lambda_events::apigw::ApiGatewayProxyRequest, request::LambdaRequest,
};
use platform::{Boot, BootError, Clock, Function, api_key, argon2id::Cost, auth::by_itself, tenancy};
use serde_json::Value;
use store::{Change, SealingKey, Store, audit, ephemeral, job, ledger, outbox};
use tower::ServiceExt as _;

use crate::{
    request::{Answer, Call},
    witness::{ProcessLog, Witness},
};

/// When every test begins: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// A cloud in memory, as `template.yaml` declares it, with a clock that stands still.
#[derive(Clone)]
pub struct Lab {
    cloud: Cloud,
    template: &'static Template,
    clock: Clock,
    has_limits: bool,
    witness: Witness,
}

/// Read once: every test has a cloud of its own, and all have the same template.
fn template() -> &'static Template {
    static TEMPLATE: LazyLock<Template> =
        LazyLock::new(|| Template::of_workspace().unwrap_or_else(|error| panic!("template.yaml: {error}")));
    &TEMPLATE
}

/// The request of which [`Lab::commit`] says that it is a part.
pub const REQUEST_ID: &str = "request-1";

/// What a password's hash costs here, a hundredth of what it costs elsewhere: half of the tests' time went into them.
/// What is said of real hashes is tried with real ones, where they are made.
const PASSWORD_COST: Cost = Cost { memory_kib: 256, passes: 1, lanes: 1 };

/// The settings that limit callers.
const LIMITS: [&str; 2] = ["LIMIT_PER_MINUTE", "LIMIT_ATTEMPTS_PER_MINUTE"];

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// A new cloud.
    ///
    /// # Panics
    /// When `template.yaml` cannot be used; the message says why.
    pub fn new() -> Self {
        ProcessLog::keep();
        let template = template();
        let cloud = Cloud::memory(template).unwrap_or_else(|error| panic!("the embedded cloud: {error}"));
        Self {
            cloud,
            template,
            clock: Clock::manual(START),
            has_limits: false,
            witness: Witness::from_now_on(),
        }
    }

    /// The same cloud, whose functions limit their callers from now on. Elsewhere they do not: a test asks often, and
    /// its clock stands still.
    #[must_use]
    pub fn limited(self) -> Self {
        Self { has_limits: true, ..self }
    }

    /// The same cloud, where time passes for everybody when everybody waits: for tests that pause tokio's clock.
    #[must_use]
    pub fn in_virtual_time(self) -> Self {
        self.cloud.go_with_tokio();
        Self { clock: Clock::tokio(START), ..self }
    }

    /// The cloud itself: its mail, its calls, its queues.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The test's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// From now on a line of the log that holds this secret fails the test. For those that no request of the test carries;
    /// the others are known by themselves.
    pub fn hide(&self, secret: &str) {
        self.witness.hide(secret);
    }

    /// The lines of the log that hold this text. Tests may share their process, and its log: an id tells them apart.
    ///
    /// # Panics
    /// When the log is not text.
    pub fn log_of(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(ProcessLog::since(0)).expect("a log in UTF-8");
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Lets time pass, for functions and cloud alike.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.cloud.advance(by);
    }

    /// What Lambda would give the function whose binary has this name: its environment from the template.
    ///
    /// # Panics
    /// When the template has no such function.
    pub fn boot(&self, binary: &str) -> Boot {
        let function = self.function(binary);
        let mut variables = function.environment.clone();
        if !self.has_limits {
            let limits = variables.iter_mut().filter(|(name, _)| LIMITS.contains(&name.as_str()));
            limits.for_each(|(_, limit)| "0".clone_into(limit));
        }
        Boot {
            vars: variables.into_iter().collect(),
            aws: self.cloud.sdk_config_of(function),
            clock: self.clock.clone(),
            password_cost: PASSWORD_COST,
        }
    }

    /// The variables that the template gives a function.
    ///
    /// # Panics
    /// When the template has no such function.
    pub fn environment(&self, binary: &str) -> &BTreeMap<String, String> {
        &self.function(binary).environment
    }

    /// What a function's role allows and it has not used so far, as `dynamodb:Query on table/x/index/gsi1`. Writing
    /// logs and taking from triggers is Lambda's to do.
    ///
    /// # Panics
    /// When the template has no such function.
    pub fn unused(&self, binary: &str) -> BTreeSet<String> {
        let used = self.cloud.used(binary);
        let unused = self.function(binary).policy.grants().into_iter().filter(|grant| !used.contains(grant));
        unused
            .filter(|(action, _)| !action.starts_with("logs:"))
            .map(|(action, arn)| format!("{action} on {}", arn.rsplit(':').next().unwrap_or_default()))
            .collect()
    }

    /// The tables, past every function and its role.
    ///
    /// # Panics
    /// When no function uses one of them.
    pub fn store(&self) -> Store {
        let tables = [
            tenancy::TABLE,
            api_key::TABLE,
            audit::TABLE,
            ephemeral::TABLE,
            job::TABLE,
            ledger::TABLE,
            outbox::TABLE,
        ];
        let tables = tables.map(|table| {
            let name = self.template.functions.iter().find_map(|function| function.environment.get(table.0));
            (table, name.expect("a function that uses it").clone())
        });
        Store::new(&self.cloud.sdk_config(), tables.into(), SealingKey::throwaway())
    }

    /// Commits a change as the system itself: something that another group would have made.
    ///
    /// # Panics
    /// When it cannot be committed.
    pub async fn commit(&self, change: Change) {
        self.try_commit(change).await.expect("a change");
    }

    /// The same, for a change that may be refused.
    ///
    /// # Errors
    /// Those of the change.
    pub async fn try_commit(&self, change: Change) -> Result<(), kernel::Error> {
        self.store().commit(&by_itself(REQUEST_ID.to_owned(), self.clock.now()), change).await
    }

    fn function(&self, binary: &str) -> &cloud::template::Function {
        let function = self.template.function(binary);
        function.unwrap_or_else(|| panic!("template.yaml has no function with the binary {binary}"))
    }

    /// Builds an HTTP function as the local cloud does.
    ///
    /// # Panics
    /// When it cannot be built, or is no HTTP function.
    pub async fn http<F>(&self, binary: &str, build: F) -> App
    where
        F: AsyncFnOnce(Boot) -> Result<Function, BootError>,
    {
        match build(self.boot(binary)).await {
            Ok(Function::Http(router) | Function::HttpStreaming(router)) => App { router, lab: self.clone() },
            Ok(_) => panic!("{binary} is no HTTP function"),
            Err(error) => panic!("{binary} cannot be built: {error}"),
        }
    }
}

/// An HTTP function, called in-process.
#[derive(Clone)]
pub struct App {
    router: Router,
    lab: Lab,
}

impl App {
    /// The cloud it runs on.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Begins a call.
    pub fn call(&self, method: &str, path: impl Into<String>) -> Call {
        Call::new(self.clone(), method, path.into())
    }

    /// Begins a `GET`.
    pub fn get(&self, path: impl Into<String>) -> Call {
        self.call("GET", path)
    }

    /// Begins a `POST`.
    pub fn post(&self, path: impl Into<String>) -> Call {
        self.call("POST", path)
    }

    /// Begins a `PATCH`.
    pub fn patch(&self, path: impl Into<String>) -> Call {
        self.call("PATCH", path)
    }

    /// Begins a `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> Call {
        self.call("DELETE", path)
    }

    /// What it answers API Gateway, in Lambda's form, when it is handed this event.
    ///
    /// # Panics
    /// When the text is no event of a REST API.
    pub async fn replay(&self, event: &str) -> Value {
        let event: ApiGatewayProxyRequest = serde_json::from_str(event).expect("an event of a REST API");
        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV1(event), Context::default());
        let Ok(answer) = platform::function::buffered(self.router.clone()).oneshot(event).await;
        serde_json::to_value(answer).expect("an answer")
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, mut body) = request.into_parts();
        self.lab.witness.saw_query(parts.uri.query().unwrap_or_default());
        if body.size_hint().exact().is_some() {
            let bytes = body.collect().await.expect("a body in memory").to_bytes();
            self.lab.witness.saw(&parts.headers, &bytes);
            body = bytes.into();
        }
        let Ok(response) = self.router.clone().oneshot(Request::from_parts(parts, body)).await;
        let answer = Answer::read(response).await;
        self.lab.witness.saw(&answer.headers, &answer.body);
        self.lab.witness.search(ProcessLog::since);
        answer
    }
}
