//! From a table's stream to its function, in order and at least once.
//!
//! How far the function has come is noted after each batch, so a process that was killed goes on where it
//! stopped.

use std::time::Duration;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::streams::DynamoDbEventResponse;
use aws_sdk_sqs::Client;
use cloud::Cloud;
use cloud::template::{Event, Function, StreamStart};
use platform::function::StreamHandler;
use serde_json::{Value, json};

use super::{filter, queue};
use crate::invoke;
use crate::stop::Stop;

/// How long an empty stream is left alone. AWS polls four times a second.
const IDLE: Duration = Duration::from_millis(100);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// One function at one stream.
pub(super) struct Poller {
    cloud: Cloud,
    function: Function,
    handler: StreamHandler,
    table: String,
    batch_size: usize,
    start: StreamStart,
    reports_failures: bool,
    retries: Option<u32>,
    bisect: bool,
    on_failure: Option<String>,
    filters: Vec<Value>,
}

/// How a batch went.
enum Outcome {
    /// All of it.
    Done,
    /// Up to, but not including, this record.
    DoneBefore(usize),
    /// Nothing.
    Failed(String),
}

impl Poller {
    /// A poller for a stream event.
    pub(super) fn new(cloud: Cloud, function: Function, event: &Event, handler: StreamHandler) -> Self {
        let mut poller = Self {
            cloud,
            function,
            handler,
            table: String::new(),
            batch_size: 100,
            start: StreamStart::TrimHorizon,
            reports_failures: false,
            retries: None,
            bisect: false,
            on_failure: None,
            filters: Vec::new(),
        };
        if let Event::Stream {
            table,
            batch_size,
            start,
            reports_failures,
            retries,
            bisect,
            on_failure,
            filters,
        } = event
        {
            poller.filters.clone_from(filters);
            poller.table.clone_from(table);
            poller.batch_size = *batch_size;
            poller.start = *start;
            poller.reports_failures = *reports_failures;
            poller.retries = *retries;
            poller.bisect = *bisect;
            poller.on_failure.clone_from(on_failure);
        }
        poller
    }

    /// Polls until everything has to end.
    pub(super) async fn run(self, mut stop: Stop) {
        let mut size = self.batch_size;
        let mut failures = 0_u32;
        loop {
            let wait = match self.step(size, failures).await {
                Ok(Step::Empty) => IDLE,
                Ok(Step::Forward) => {
                    (size, failures) = (self.batch_size, 0);
                    Duration::ZERO
                }
                Ok(Step::Again { batch }) => {
                    failures += 1;
                    size = if self.bisect { (batch / 2).max(1) } else { batch };
                    PAUSE_MIN.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX)
                }
                Err(error) => {
                    let (function, table) = (&self.function.binary, &self.table);
                    tracing::error!(function, table, %error, "a stream cannot be read");
                    PAUSE_MAX
                }
            };
            if !stop.pause(wait).await {
                return;
            }
        }
    }

    async fn step(&self, size: usize, failures: u32) -> Result<Step, cloud::CloudError> {
        let position = self.position()?;
        let mut records = self.cloud.stream_records(&self.table, position.as_deref(), size)?;
        let Some(last) = records.last().cloned() else {
            return Ok(Step::Empty);
        };
        records.retain(|record| filter::is_wanted(&self.filters, record));
        if records.is_empty() {
            self.advance(&last)?;
            return Ok(Step::Forward);
        }
        let last = &last;
        match self.invoke(&records).await {
            Outcome::Done => {
                self.advance(last)?;
                Ok(Step::Forward)
            }
            Outcome::DoneBefore(at) if at > 0 => {
                self.advance(&records[at - 1])?;
                Ok(Step::Forward)
            }
            outcome => {
                if let Outcome::Failed(error) = outcome {
                    tracing::error!(
                        function = self.function.binary,
                        table = self.table,
                        error,
                        "a stream batch failed"
                    );
                }
                if self.retries.is_some_and(|retries| failures >= retries) {
                    let given_up = if self.reports_failures { &records[..1] } else { &records[..] };
                    self.give_up(given_up, failures + 1).await;
                    self.advance(given_up.last().unwrap_or(last))?;
                    return Ok(Step::Forward);
                }
                Ok(Step::Again { batch: records.len() })
            }
        }
    }

    /// AWS throws the records away as well, and tells a queue where in the stream they were.
    async fn give_up(&self, records: &[Value], attempts: u32) {
        let (function, table) = (&self.function.binary, &self.table);
        tracing::error!(function, table, "stream records are given up");
        let Some(queue) = &self.on_failure else { return };
        let sent = Client::new(&self.cloud.sdk_config())
            .send_message()
            .queue_url(queue::url(queue))
            .message_body(self.notice(records, attempts).to_string())
            .send()
            .await;
        if let Err(error) = sent {
            let error = error.into_service_error();
            tracing::error!(function, table, queue, %error, "the queue was not told what was given up");
        }
    }

    /// What Lambda tells the destination of failures: where the records are, not what they say.
    fn notice(&self, records: &[Value], attempts: u32) -> Value {
        let place = |record: Option<&Value>| record.map(sequence).unwrap_or_default().to_owned();
        json!({
            "version": "1.0",
            "requestContext": {
                "requestId": uuid::Uuid::new_v4().to_string(),
                "functionArn": self.function.arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "responseContext": { "statusCode": 200, "executedVersion": "1", "functionError": null },
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000000000000000000-00000000",
                "startSequenceNumber": place(records.first()),
                "endSequenceNumber": place(records.last()),
                "batchSize": records.len(),
                "streamArn": records.first().map(|record| &record["eventSourceARN"]),
            },
        })
    }

    async fn invoke(&self, records: &[Value]) -> Outcome {
        let event: StreamEvent = match serde_json::from_value(json!({ "Records": records })) {
            Ok(event) => event,
            Err(error) => return Outcome::Failed(format!("the event was not understood: {error}")),
        };
        match invoke::run(self.function.timeout, (self.handler)(event)).await {
            Ok(answer) if self.reports_failures => first_failure(&answer, records),
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn position(&self) -> Result<Option<String>, cloud::CloudError> {
        let noted = self.cloud.note(&self.note())?;
        if noted.is_some() || self.start == StreamStart::TrimHorizon {
            return Ok(noted);
        }
        let end = self.cloud.stream_end(&self.table)?;
        if let Some(end) = &end {
            self.cloud.set_note(&self.note(), end)?;
        }
        Ok(end)
    }

    fn advance(&self, record: &Value) -> Result<(), cloud::CloudError> {
        self.cloud.set_note(&self.note(), sequence(record))
    }

    fn note(&self) -> String {
        format!("stream/{}/{}", self.function.logical_id, self.table)
    }
}

enum Step {
    Empty,
    Forward,
    Again { batch: usize },
}

/// Where the stream goes on. As on AWS, naming a record that is not in the batch means: none was handled.
fn first_failure(answer: &DynamoDbEventResponse, records: &[Value]) -> Outcome {
    let named: Vec<Option<usize>> = answer
        .batch_item_failures
        .iter()
        .map(|f| records.iter().position(|r| Some(sequence(r)) == f.item_identifier.as_deref()))
        .collect();
    match named.iter().copied().collect::<Option<Vec<usize>>>() {
        Some(at) => at.into_iter().min().map_or(Outcome::Done, Outcome::DoneBefore),
        None => Outcome::DoneBefore(0),
    }
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}
