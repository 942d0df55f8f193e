//! Sending, deleting and changing visibility: one message, or up to ten.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::queue::settings;
use super::{Answer, Settings, Sqs, invalid, md5_of, no_queue, queue_name, sqs_fault};
use crate::wire::{Fault, text};

const BATCH_MAX: usize = 10;
const BATCH_BYTES_MAX: usize = 1_048_576;

impl Sqs {
    pub(super) fn send_one(&self, input: &Value) -> Answer {
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let queue = settings(&transaction, queue_name(input)?)?.ok_or_else(no_queue)?;
        let answer = send(&transaction, &queue, input, self.clock.now_ms())?;
        transaction.commit()?;
        self.arrived.notify_waiters();
        Ok(answer)
    }

    pub(super) fn send_batch(&self, input: &Value) -> Answer {
        let bytes: usize = entries(input)?.iter().filter_map(|e| text(e, "MessageBody")).map(str::len).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(sqs_fault(
                "BatchRequestTooLong",
                "The length of all the messages put together is more than the limit.",
            ));
        }
        let answer = self.batch(input, send)?;
        self.arrived.notify_waiters();
        Ok(answer)
    }

    pub(super) fn delete_one(&self, input: &Value) -> Answer {
        self.single(input, delete)
    }

    pub(super) fn delete_batch(&self, input: &Value) -> Answer {
        self.batch(input, delete)
    }

    pub(super) fn change_visibility(&self, input: &Value) -> Answer {
        let answer = self.single(input, change_visibility)?;
        self.arrived.notify_waiters();
        Ok(answer)
    }

    pub(super) fn change_visibility_batch(&self, input: &Value) -> Answer {
        let answer = self.batch(input, change_visibility)?;
        self.arrived.notify_waiters();
        Ok(answer)
    }

    fn single(&self, input: &Value, act: Act) -> Answer {
        let connection = self.db.lock();
        let queue = settings(&connection, queue_name(input)?)?.ok_or_else(no_queue)?;
        act(&connection, &queue, input, self.clock.now_ms()).map(|_| json!({}))
    }

    fn batch(&self, input: &Value, act: Act) -> Answer {
        let entries = entries(input)?;
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let queue = settings(&transaction, queue_name(input)?)?.ok_or_else(no_queue)?;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = text(entry, "Id").unwrap_or_default();
            match act(&transaction, &queue, entry, self.clock.now_ms()) {
                Ok(mut answer) => {
                    answer["Id"] = id.into();
                    done.push(answer);
                }
                Err(fault) if fault.status >= 500 => return Err(fault),
                Err(fault) => failed.push(json!({
                    "Id": id,
                    "SenderFault": true,
                    "Code": fault.code.rsplit('#').next(),
                    "Message": fault.message,
                })),
            }
        }
        transaction.commit()?;
        Ok(json!({ "Successful": done, "Failed": failed }))
    }
}

type Act = fn(&Connection, &Settings, &Value, i64) -> Answer;

/// A batch's entries: 1 to 10, with distinct ids.
fn entries(input: &Value) -> Result<&[Value], Fault> {
    let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Err(sqs_fault("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if entries.len() > BATCH_MAX {
        return Err(sqs_fault(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        ));
    }
    let mut ids = BTreeSet::new();
    for entry in entries {
        let id = text(entry, "Id").unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(legal) {
            return Err(sqs_fault(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ));
        }
        if !ids.insert(id) {
            return Err(sqs_fault("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(entries)
}

fn send(connection: &Connection, queue: &Settings, input: &Value, now: i64) -> Answer {
    let body = text(input, "MessageBody").filter(|b| !b.is_empty());
    let body = body.ok_or_else(|| {
        Fault::client("MissingParameter", "The request must contain the parameter MessageBody.")
    })?;
    if body.len() > queue.message_bytes_max() {
        let max = queue.message_bytes_max();
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {max} bytes."
        )));
    }
    let legal = |c: char| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}' || "\t\n\r".contains(c);
    if !body.chars().all(legal) {
        return Err(sqs_fault(
            "InvalidMessageContents",
            "Message contains characters outside the allowed set.",
        ));
    }
    let delay = match &input["DelaySeconds"] {
        Value::Null => queue.delay_seconds(),
        value => seconds(value, 900).ok_or_else(|| {
            invalid(
                "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
            )
        })?,
    };
    let group = group(input)?;
    let id = uuid::Uuid::new_v4().to_string();
    let attributes = &input["MessageAttributes"];
    let attributes_md5 = md5_of::attributes(attributes);
    connection
        .prepare_cached(
            "INSERT INTO messages (id, queue, body, attributes, sent_ms, visible_ms, group_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            id,
            queue.name,
            body,
            attributes.to_string(),
            now,
            now + i64::from(delay) * 1000,
            group
        ])?;
    let mut answer = json!({ "MessageId": id, "MD5OfMessageBody": md5_of::text(body) });
    if let Some(md5) = attributes_md5 {
        answer["MD5OfMessageAttributes"] = md5.into();
    }
    Ok(answer)
}

/// `MessageGroupId`: 1 to 128 letters, digits and punctuation. On a standard queue it makes the queue fair.
fn group(input: &Value) -> Result<Option<&str>, Fault> {
    let Some(group) = text(input, "MessageGroupId") else { return Ok(None) };
    if (1..=128).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(group))
    } else {
        Err(invalid(
            "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        ))
    }
}

/// Deletes by the newest receipt; an older one deletes nothing, and neither is a mistake.
fn delete(connection: &Connection, queue: &Settings, input: &Value, _now: i64) -> Answer {
    let receipt = receipt(input)?;
    connection
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND id = ?2 AND receipt = ?3")?
        .execute(params![queue.name, message_id(receipt), receipt])?;
    Ok(json!({}))
}

fn change_visibility(connection: &Connection, queue: &Settings, input: &Value, now: i64) -> Answer {
    let receipt = receipt(input)?;
    let timeout = seconds(&input["VisibilityTimeout"], 43_200).ok_or_else(|| {
        invalid("Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.")
    })?;
    let changed = connection
        .prepare_cached(
            "UPDATE messages SET visible_ms = ?4
             WHERE queue = ?1 AND id = ?2 AND receipt = ?3 AND visible_ms > ?5",
        )?
        .execute(params![queue.name, message_id(receipt), receipt, now + i64::from(timeout) * 1000, now])?;
    if changed == 0 {
        return Err(sqs_fault("MessageNotInflight", "The message referred to isn't in flight."));
    }
    Ok(json!({}))
}

/// A receipt is `<message id>#<receive's own id>`.
fn receipt(input: &Value) -> Result<&str, Fault> {
    let receipt = text(input, "ReceiptHandle").unwrap_or_default();
    if !receipt.contains('#') {
        return Err(sqs_fault(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{receipt}\" is not a valid receipt handle."),
        ));
    }
    Ok(receipt)
}

fn message_id(receipt: &str) -> &str {
    receipt.split('#').next().unwrap_or_default()
}

pub(super) fn seconds(value: &Value, max: u32) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= max)
}
