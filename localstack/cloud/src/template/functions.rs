//! Functions: which binary, which environment, which triggers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Template;
use super::error::{Result, TemplateError};
use super::eval::Scope;
use super::names::{self, Declared, physical};
use super::read::At;
use super::roles::Policy;

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The name in the template.
    pub logical_id: String,
    /// The physical name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The binary that is its bootstrap (`Metadata.BuildProperties.Binary`).
    pub binary: String,
    /// `Environment.Variables`, those of `Globals` included.
    pub environment: BTreeMap<String, String>,
    /// After this long an invocation is given up.
    pub timeout: Duration,
    /// `MemorySize`.
    pub memory_mb: u32,
    /// What invokes it besides the API.
    pub events: Vec<Event>,
    /// The log group it writes to, when one is declared for it.
    pub log_group: Option<String>,
    /// Its role's ARN; empty when SAM is left to make one.
    pub role: String,
    /// What that role allows.
    pub policy: Policy,
}

/// Where a stream's first poll begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// With the oldest record.
    TrimHorizon,
    /// With the next record.
    Latest,
}

/// A trigger of a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Messages of a queue.
    Queue {
        /// The queue's physical name.
        queue: String,
        /// The most messages in one batch.
        batch_size: usize,
        /// `ReportBatchItemFailures` is set: the answer names the failed messages.
        reports_failures: bool,
        /// `ScalingConfig.MaximumConcurrency`: how many batches are under way at once.
        concurrency: Option<usize>,
    },
    /// Changes of a table.
    Stream {
        /// The table's physical name.
        table: String,
        /// The most records in one batch.
        batch_size: usize,
        /// Where the first poll begins.
        start: StreamStart,
        /// `ReportBatchItemFailures` is set: the answer names the first failed record.
        reports_failures: bool,
        /// How often a failing batch is tried again; without a number, until the records expire.
        retries: Option<u32>,
        /// Split a failing batch in two before trying again.
        bisect: bool,
        /// The physical name of the queue that is told which records were given up.
        on_failure: Option<String>,
        /// `FilterCriteria`: only records that one of these patterns matches; all without any.
        filters: Vec<Value>,
    },
    /// A clock.
    Schedule {
        /// `rate(…)` or `cron(…)`.
        expression: String,
        /// The event given instead of the scheduler's own.
        input: Option<String>,
    },
    /// The rotation of a secret (`AWS::SecretsManager::RotationSchedule`).
    Rotation {
        /// The secret's ARN.
        secret: String,
        /// Days between two rotations.
        every_days: u32,
    },
}

/// Lambda's own default.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

pub(super) fn function(
    scope: &Scope<'_>,
    place: Declared<'_>,
    resource: &Value,
    properties: &Value,
    globals: &Value,
) -> Result<Function> {
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    let globals = At::new("Globals.Function", globals.get("Function").unwrap_or(&Value::Null));
    let either = |key: &str| {
        if at.get(key).exists() { at.get(key) } else { globals.get(key) }
    };
    let metadata_at = format!("Resources.{}.Metadata", place.id);
    let metadata = scope.eval(&metadata_at, resource.get("Metadata").unwrap_or(&Value::Null))?;
    let binary = At::new(metadata_at, &metadata).get("BuildProperties").get("Binary");
    if !binary.exists() {
        return Err(binary.error("the function names no binary", "add `BuildProperties: { Binary: <name> }`"));
    }
    let mut environment = BTreeMap::new();
    for source in [&globals, &at] {
        for (key, value) in source.get("Environment").get("Variables").entries() {
            environment.insert(key.to_owned(), value.text()?);
        }
    }
    let mut events = Vec::new();
    for (_, event) in at.get("Events").entries() {
        events.extend(self::event(&event)?);
    }
    let name = physical(scope, place, "FunctionName")?;
    Ok(Function {
        logical_id: place.id.to_owned(),
        arn: names::function_arn(&name),
        name,
        binary: binary.text()?,
        environment,
        timeout: either("Timeout").seconds()?.unwrap_or(TIMEOUT_DEFAULT),
        memory_mb: either("MemorySize").number()?.unwrap_or(128),
        events,
        log_group: at.get("LoggingConfig").get("LogGroup").optional_text()?,
        role: at.get("Role").text_or("")?,
        policy: Policy::default(),
    })
}

fn event(at: &At<'_>) -> Result<Option<Event>> {
    let properties = at.get("Properties");
    if !properties.get("Enabled").flag(true)? || properties.get("State").text_or("ENABLED")? == "DISABLED" {
        return Ok(None);
    }
    let kind = at.get("Type").text()?;
    match kind.as_str() {
        "SQS" => Ok(Some(Event::Queue {
            queue: last_segment(&properties.get("Queue").text()?, ':'),
            batch_size: properties.get("BatchSize").number()?.unwrap_or(10),
            reports_failures: reports_failures(&properties)?,
            concurrency: properties.get("ScalingConfig").get("MaximumConcurrency").number()?,
        })),
        "DynamoDB" => stream(&properties).map(Some),
        "Schedule" | "ScheduleV2" => {
            let key = if kind == "Schedule" { "Schedule" } else { "ScheduleExpression" };
            Ok(Some(Event::Schedule {
                expression: properties.get(key).text()?,
                input: properties.get("Input").optional_text()?,
            }))
        }
        other => Err(at.get("Type").error(
            format!("the local cloud has no `{other}` events"),
            "use SQS, DynamoDB or Schedule; HTTP routes belong into the API's `DefinitionBody`",
        )),
    }
}

/// Gives the function that a rotation schedule names its trigger.
pub(super) fn rotation(template: &mut Template, id: &str, properties: &Value) -> Result<()> {
    let at = At::new(format!("Resources.{id}.Properties"), properties);
    let lambda = at.get("RotationLambdaARN");
    let arn = lambda.text()?;
    // An alias follows the ARN.
    let is_named = |f: &&mut Function| {
        arn.strip_prefix(&f.arn).is_some_and(|alias| alias.is_empty() || alias.starts_with(':'))
    };
    let Some(function) = template.functions.iter_mut().find(is_named) else {
        return Err(
            lambda.error("no function of this template has that ARN", "name one by `!Ref Function.Alias`")
        );
    };
    let days = at.get("RotationRules").get("AutomaticallyAfterDays");
    let every_days = days.number()?.ok_or_else(|| days.error("it is missing", "say after how many days"))?;
    function.events.push(Event::Rotation { secret: at.get("SecretId").text()?, every_days });
    Ok(())
}

fn stream(properties: &At<'_>) -> Result<Event> {
    // arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>
    let arn = properties.get("Stream").text()?;
    let table = arn.split('/').nth(1).unwrap_or_default().to_owned();
    let start = properties.get("StartingPosition");
    let start = match start.text()?.as_str() {
        "TRIM_HORIZON" => StreamStart::TrimHorizon,
        "LATEST" => StreamStart::Latest,
        other => return Err(start.error(format!("`{other}` is unknown"), "use TRIM_HORIZON or LATEST")),
    };
    // -1 is AWS's way to say "for ever".
    let retries = properties.get("MaximumRetryAttempts").number::<i64>()?;
    let on_failure = properties.get("DestinationConfig").get("OnFailure");
    let on_failure = match on_failure.get("Type").optional_text()?.as_deref() {
        None => None,
        Some("SQS") => Some(last_segment(&on_failure.get("Destination").text()?, ':')),
        Some(other) => {
            return Err(on_failure
                .get("Type")
                .error(format!("the local cloud has no `{other}` destinations"), "use SQS"));
        }
    };
    let mut filters = Vec::new();
    for filter in properties.get("FilterCriteria").get("Filters").items() {
        let pattern = filter.get("Pattern");
        filters.push(serde_json::from_str(&pattern.text()?).map_err(|error| {
            pattern.error(
                format!("it is not JSON: {error}"),
                "write a pattern as Lambda's event filters have it",
            )
        })?);
    }
    Ok(Event::Stream {
        table,
        filters,
        batch_size: properties.get("BatchSize").number()?.unwrap_or(100),
        start,
        reports_failures: reports_failures(properties)?,
        retries: retries.and_then(|n| u32::try_from(n).ok()),
        bisect: properties.get("BisectBatchOnFunctionError").flag(false)?,
        on_failure,
    })
}

fn reports_failures(properties: &At<'_>) -> Result<bool> {
    for item in properties.get("FunctionResponseTypes").items() {
        if item.text()? == "ReportBatchItemFailures" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn last_segment(arn: &str, separator: char) -> String {
    arn.rsplit(separator).next().unwrap_or(arn).to_owned()
}

/// Every trigger must have a source in this template.
pub(super) fn check_sources(template: &Template) -> Result<()> {
    for function in &template.functions {
        for event in &function.events {
            let missing = match event {
                Event::Queue { queue, .. } if !template.queues.iter().any(|q| q.name == *queue) => {
                    format!("queue `{queue}`")
                }
                Event::Stream { table, .. }
                    if !template.tables.iter().any(|t| t.name == *table && t.stream.is_some()) =>
                {
                    format!("stream of table `{table}`")
                }
                Event::Stream { on_failure: Some(queue), .. }
                    if !template.queues.iter().any(|q| q.name == *queue) =>
                {
                    format!("queue `{queue}` for what failed")
                }
                _ => continue,
            };
            let at = format!("Resources.{}.Properties.Events", function.logical_id);
            let what = format!("it needs the {missing}, which the template does not declare");
            return Err(TemplateError::new(at, what, "declare it"));
        }
    }
    Ok(())
}
