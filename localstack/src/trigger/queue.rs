//! From a queue to its function, as Lambda's pollers do.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use cloud::Cloud;
use cloud::template::Function;
use platform::function::SqsHandler;
use serde_json::{Map, Value, json};

use crate::invoke;
use crate::stop::Stop;

/// Batches of one queue that may be under way at once.
pub(super) const POLLERS: usize = 2;
/// SQS hands out no more at once.
const RECEIVE_MAX: usize = 10;
const WAIT_SECONDS: i32 = 20;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Source {
    pub(super) queue: String,
    pub(super) batch_size: usize,
    pub(super) reports_failures: bool,
}

/// Polls until everything has to end.
pub(super) async fn poll(
    cloud: Cloud,
    function: Function,
    source: Source,
    handler: SqsHandler,
    mut stop: Stop,
) {
    let client = Client::new(&cloud.sdk_config());
    let url = url(&source.queue);
    loop {
        let messages = tokio::select! {
            () = stop.requested() => return,
            received = receive(&client, &url, source.batch_size) => received,
        };
        let outcome = match messages {
            Ok(messages) if messages.is_empty() => continue,
            Ok(messages) => handle(&client, &url, &function, &source, &handler, &messages).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::error!(function = function.binary, queue = source.queue, error, "a queue batch failed");
            if !stop.pause(PAUSE_AFTER_FAILURE).await {
                return;
            }
        }
    }
}

/// The URL of a queue by its name.
pub(super) fn url(queue: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/123456789012/{queue}")
}

async fn receive(client: &Client, url: &str, batch_size: usize) -> Result<Vec<Message>, String> {
    let max = i32::try_from(batch_size.clamp(1, RECEIVE_MAX)).unwrap_or(1);
    let received = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(max)
        .wait_time_seconds(WAIT_SECONDS)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await;
    received.map(|r| r.messages.unwrap_or_default()).map_err(|e| e.into_service_error().to_string())
}

/// Invokes the function and deletes what it handled. What it did not comes again when its visibility ends.
async fn handle(
    client: &Client,
    url: &str,
    function: &Function,
    source: &Source,
    handler: &SqsHandler,
    messages: &[Message],
) -> Result<(), String> {
    let records: Vec<Value> = messages.iter().map(|m| record(m, &source.queue)).collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).map_err(|e| e.to_string())?;
    let answer = invoke::run(function.timeout, handler(event)).await.map_err(|e| e.to_string())?;
    let failed = if source.reports_failures { failures(&answer, messages) } else { Vec::new() };
    let done =
        messages.iter().enumerate().filter(|(_, m)| !failed.contains(&m.message_id().unwrap_or_default()));
    let entries: Result<Vec<_>, _> = done
        .map(|(at, m)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(at.to_string())
                .receipt_handle(m.receipt_handle().unwrap_or_default())
                .build()
        })
        .collect();
    let entries = entries.map_err(|e| e.to_string())?;
    if !entries.is_empty() {
        let deleted = client.delete_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
        deleted.map_err(|e| e.into_service_error().to_string())?;
    }
    Ok(())
}

/// The messages the function could not handle. As on AWS, naming one that is not in the batch means: all.
fn failures<'m>(answer: &SqsBatchResponse, messages: &'m [Message]) -> Vec<&'m str> {
    let ids: Vec<&str> = messages.iter().filter_map(Message::message_id).collect();
    let named = answer.batch_item_failures.iter().map(|f| f.item_identifier.as_str());
    if named.clone().all(|id| ids.contains(&id)) {
        ids.into_iter().filter(|id| named.clone().any(|n| n == *id)).collect()
    } else {
        ids
    }
}

fn record(message: &Message, queue: &str) -> Value {
    let system: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.as_str().to_owned(), v.as_str().into()))
        .collect();
    let own: Map<String, Value> = message
        .message_attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = json!({
                "dataType": value.data_type(),
                "stringValue": value.string_value(),
                "stringListValues": [],
                "binaryListValues": [],
            });
            (name.clone(), value)
        })
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": system,
        "messageAttributes": own,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
        "awsRegion": "us-east-1",
    })
}
