//! Messages as Lambda hands them to a function.

use aws_sdk_sqs::types::Message;
use serde_json::{Map, Value, json};

/// The event of a batch of messages from the queue of this name.
pub fn sqs_event(messages: &[Message], queue: &str) -> Value {
    let records: Vec<Value> = messages.iter().map(|message| record(message, queue)).collect();
    json!({ "Records": records })
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
