//! `DynamoDB`: the wire protocol in front of dynoxide.
//!
//! dynoxide's database is synchronous behind one mutex. Calls run on the caller's thread all the same: one
//! takes 10–100 µs, about what a hop to a blocking thread costs, and a hop would also hand the mutex from
//! thread to thread.

mod tokens;
mod upkeep;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use tokens::Tokens;
pub(crate) use upkeep::Upkeep;

use crate::template::names::{ACCOUNT, REGION};
use crate::wire::{Reply, Request, reply};

const JSON: &str = "application/x-amz-json-1.0";
/// dynoxide's own region and account, in the ARNs it answers with.
const FOREIGN_ARN: &str = "arn:aws:dynamodb:dynoxide:000000000000:";

/// Answers one `DynamoDB` or `DynamoDB` Streams request.
pub(crate) fn call(db: &Database, tokens: &Tokens, operation: &str, request: &Request) -> Reply {
    let Ok(body) = std::str::from_utf8(request.body()) else {
        return fault(operation, &DynoxideError::SerializationException(String::new()));
    };
    let result = match operation {
        "TransactWriteItems" => tokens.transact(db, body),
        _ => run(db, operation, body),
    };
    match result {
        Ok(json) if describes_tables(operation) => reply(200, JSON, with_own_arns(&json)),
        Ok(json) => reply(200, JSON, json),
        Err(e) => fault(operation, &e),
    }
}

fn fault(operation: &str, error: &DynoxideError) -> Reply {
    // dynoxide tags the validation errors which AWS words differently on these three operations.
    let error = match error {
        DynoxideError::EnvelopedValidation(message) if enveloped(operation) => {
            &DynoxideError::ValidationException(format!("1 validation error detected: {message}"))
        }
        other => other,
    };
    reply(error.status_code(), JSON, error.to_json())
}

fn enveloped(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem")
}

/// Operations whose answers carry ARNs (and no items, which are never rewritten).
fn describes_tables(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable" | "UpdateTable" | "DescribeTable" | "DeleteTable" | "ListStreams" | "DescribeStream"
    )
}

fn with_own_arns(json: &str) -> String {
    json.replace(FOREIGN_ARN, &format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:"))
}

/// What is served, and may fail on purpose.
pub(crate) const OPERATIONS: &[&str] = &[
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeContinuousBackups",
    "DescribeStream",
    "DescribeTable",
    "DescribeTimeToLive",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "GetRecords",
    "GetShardIterator",
    "ListStreams",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "Query",
    "Scan",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
];

fn run(db: &Database, operation: &str, body: &str) -> dynoxide::Result<String> {
    match operation {
        "GetItem" => answer(db.get_item(input(body)?)?),
        "PutItem" => answer(db.put_item(input(body)?)?),
        "UpdateItem" => answer(db.update_item(input(body)?)?),
        "DeleteItem" => answer(db.delete_item(input(body)?)?),
        "Query" => answer(db.query(input(body)?)?),
        "Scan" => answer(db.scan(input(body)?)?),
        "BatchGetItem" => answer(db.batch_get_item(input(body)?)?),
        "BatchWriteItem" => answer(db.batch_write_item(input(body)?)?),
        "TransactGetItems" => answer(db.transact_get_items(input(body)?)?),
        "CreateTable" => answer(db.create_table(input(body)?)?),
        "UpdateTable" => answer(db.update_table(input(body)?)?),
        "DeleteTable" => answer(db.delete_table(input(body)?)?),
        "DescribeTable" => answer(db.describe_table(input(body)?)?),
        "ListTables" => answer(db.list_tables(input(body)?)?),
        "UpdateTimeToLive" => answer(db.update_time_to_live(input(body)?)?),
        "DescribeTimeToLive" => answer(db.describe_time_to_live(input(body)?)?),
        "ListStreams" => answer(db.list_streams(input(body)?)?),
        "DescribeStream" => answer(db.describe_stream(input(body)?)?),
        "GetShardIterator" => answer(db.get_shard_iterator(input(body)?)?),
        "GetRecords" => answer(db.get_records(input(body)?)?),
        "ExecuteStatement" => answer(db.execute_statement(input(body)?)?),
        "ExecuteTransaction" => answer(db.execute_transaction(input(body)?)?),
        "BatchExecuteStatement" => answer(db.batch_execute_statement(input(body)?)?),
        "TagResource" => answer(db.tag_resource(input(body)?)?),
        "UntagResource" => answer(db.untag_resource(input(body)?)?),
        "ListTagsOfResource" => answer(db.list_tags_of_resource(input(body)?)?),
        // Point-in-time recovery is declared in the template; there is nothing to do for it here.
        "DescribeContinuousBackups" => Ok(json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" } } })
        .to_string()),
        _ => Err(DynoxideError::ValidationException(format!("the local cloud has no `{operation}`"))),
    }
}

fn answer<T: Serialize>(output: T) -> dynoxide::Result<String> {
    serde_json::to_string(&output).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}

/// Reads a request; dynoxide marks the class of a refusal by a prefix of serde's message.
fn input<T: DeserializeOwned>(body: &str) -> dynoxide::Result<T> {
    serde_json::from_str(body).map_err(|e| {
        let message = e.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        for marker in ["VALIDATION_AS_READ:", "VALIDATION:"] {
            if let Some(message) = message.strip_prefix(marker) {
                return DynoxideError::ValidationException(message.to_owned());
            }
        }
        if let Some(message) = message.strip_prefix("VALIDATION_REQUEST:") {
            return DynoxideError::EnvelopedValidation(message.to_owned());
        }
        for marker in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
            if let Some(message) = message.strip_prefix(marker) {
                return DynoxideError::SerializationException(message.to_owned());
            }
        }
        match message {
            m if m.contains("missing field")
                || m.contains("unknown variant")
                || m.contains("AttributeValue") =>
            {
                DynoxideError::ValidationException(m.to_owned())
            }
            m => DynoxideError::SerializationException(m.to_owned()),
        }
    })
}

/// The stream records of `table` after `after` (from the oldest without it), each as Lambda receives it.
pub(crate) fn stream_records(
    db: &Database,
    table: &str,
    after: Option<&str>,
    limit: usize,
) -> dynoxide::Result<Vec<Value>> {
    let stream_arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/local");
    let mut iterator = json!({
        "StreamArn": stream_arn,
        "ShardId": dynoxide::streams::shard_id(table),
        "ShardIteratorType": if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" },
    });
    if let Some(after) = after {
        iterator["SequenceNumber"] = after.into();
    }
    let iterator = db.get_shard_iterator(input(&iterator.to_string())?)?;
    let request = json!({ "ShardIterator": iterator.shard_iterator, "Limit": limit });
    let output = db.get_records(input(&request.to_string())?)?;
    let output =
        serde_json::to_value(&output).map_err(|e| DynoxideError::InternalServerError(e.to_string()))?;
    let mut records = match output.get("Records") {
        Some(Value::Array(records)) => records.clone(),
        _ => Vec::new(),
    };
    for record in &mut records {
        record["eventSourceARN"] = stream_arn.as_str().into();
        record["awsRegion"] = REGION.into();
    }
    Ok(records)
}

/// The sequence number of the newest stream record of `table`.
pub(crate) fn stream_end(db: &Database, table: &str) -> dynoxide::Result<Option<String>> {
    let mut last = None;
    loop {
        let records = stream_records(db, table, last.as_deref(), 1000)?;
        let Some(sequence) = records.last().and_then(|r| r["dynamodb"]["SequenceNumber"].as_str()) else {
            return Ok(last);
        };
        last = Some(sequence.to_owned());
    }
}
