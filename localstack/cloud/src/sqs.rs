//! SQS: standard queues that survive the process.

mod batch;
mod event;
mod md5_of;
mod queue;
mod receive;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::db::Db;
use crate::template::names;
use crate::wire::{Fault, Reply, json_body, reply, text};

pub use event::sqs_event;

/// The service.
pub(crate) struct Sqs {
    db: Arc<Db>,
    clock: Clock,
    /// Rung when a message arrives or becomes visible early, for those who poll long.
    arrived: Notify,
}

/// What is served, and may fail on purpose.
pub(crate) const OPERATIONS: &[&str] = &[
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

type Answer = Result<Value, Fault>;

impl Sqs {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self { db, clock, arrived: Notify::new() }
    }

    pub(crate) async fn call(&self, operation: &str, body: &[u8]) -> Reply {
        let answer = match json_body(body) {
            Ok(input) if operation == "ReceiveMessage" => self.receive(&input).await,
            Ok(input) => self.answer(operation, &input),
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(body) => reply(200, "application/x-amz-json-1.0", body.to_string()),
            Err(fault) => {
                let mut reply = fault.json();
                // Clients older than the JSON protocol look for their error code here.
                let legacy = fault.code.strip_prefix("com.amazonaws.sqs#").map(legacy_code);
                if let Some(value) = legacy.and_then(|code| format!("{code};Sender").parse().ok()) {
                    reply.headers_mut().insert("x-amzn-query-error", value);
                }
                reply
            }
        }
    }

    fn answer(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "CreateQueue" => self.create(input),
            "DeleteQueue" => self.delete_queue(input),
            "GetQueueUrl" => self.queue_url(input),
            "ListQueues" => self.list(input),
            "GetQueueAttributes" => self.attributes(input),
            "SetQueueAttributes" => self.set_attributes(input),
            "ListQueueTags" => self.tags(input),
            "TagQueue" => self.tag(input),
            "UntagQueue" => self.untag(input),
            "ListDeadLetterSourceQueues" => self.dead_letter_sources(input),
            "PurgeQueue" => self.purge(input),
            "SendMessage" => self.send_one(input),
            "SendMessageBatch" => self.send_batch(input),
            "DeleteMessage" => self.delete_one(input),
            "DeleteMessageBatch" => self.delete_batch(input),
            "ChangeMessageVisibility" => self.change_visibility(input),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(input),
            _ => Err(Fault::client("UnsupportedOperation", format!("The local cloud has no `{operation}`."))),
        }
    }
}

/// The name a fault had before SQS spoke JSON.
fn legacy_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "EmptyBatchRequest"
        | "TooManyEntriesInBatchRequest"
        | "BatchEntryIdsNotDistinct"
        | "MessageNotInflight"
        | "BatchRequestTooLong"
        | "InvalidBatchEntryId" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}

pub(super) fn sqs_fault(code: &str, message: impl Into<String>) -> Fault {
    Fault::client(&format!("com.amazonaws.sqs#{code}"), message)
}

pub(super) fn no_queue() -> Fault {
    sqs_fault("QueueDoesNotExist", "The specified queue does not exist.")
}

pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidParameterValue", message)
}

/// A queue's settings.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) created_ms: i64,
}

impl Settings {
    fn number(&self, key: &str, default: u32) -> u32 {
        self.attributes.get(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    pub(super) fn visibility_seconds(&self) -> u32 {
        self.number("VisibilityTimeout", 30)
    }

    pub(super) fn delay_seconds(&self) -> u32 {
        self.number("DelaySeconds", 0)
    }

    pub(super) fn wait_seconds(&self) -> u32 {
        self.number("ReceiveMessageWaitTimeSeconds", 0)
    }

    pub(super) fn retention_seconds(&self) -> u32 {
        self.number("MessageRetentionPeriod", 345_600)
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        self.number("MaximumMessageSize", 1_048_576) as usize
    }

    /// The dead-letter queue's name, and after how many receives a message goes there.
    pub(super) fn redrive(&self) -> Option<(String, i64)> {
        let policy: Value = serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let target = text(&policy, "deadLetterTargetArn")?.rsplit(':').next()?.to_owned();
        // Both `5` and `"5"` are seen in the wild.
        let count = &policy["maxReceiveCount"];
        let count = count.as_i64().or_else(|| count.as_str()?.parse().ok())?;
        Some((target, count))
    }

    pub(super) fn all_attributes(&self) -> Map<String, Value> {
        let mut all = Map::new();
        let defaults = [
            ("VisibilityTimeout", self.visibility_seconds()),
            ("DelaySeconds", self.delay_seconds()),
            ("ReceiveMessageWaitTimeSeconds", self.wait_seconds()),
            ("MessageRetentionPeriod", self.retention_seconds()),
            ("MaximumMessageSize", self.number("MaximumMessageSize", 1_048_576)),
        ];
        all.extend(defaults.map(|(key, value)| (key.to_owned(), json!(value.to_string()))));
        all.extend(self.attributes.iter().map(|(k, v)| (k.clone(), json!(v))));
        let created = (self.created_ms / 1000).to_string();
        all.insert("QueueArn".into(), names::queue_arn(&self.name).into());
        all.insert("CreatedTimestamp".into(), created.clone().into());
        all.insert("LastModifiedTimestamp".into(), created.into());
        all
    }
}

/// The queue's name, out of the URL requests carry (whatever its host).
pub(super) fn queue_name(input: &Value) -> Result<&str, Fault> {
    let name = text(input, "QueueUrl").and_then(|url| url.rsplit('/').next());
    name.filter(|name| !name.is_empty()).ok_or_else(no_queue)
}
