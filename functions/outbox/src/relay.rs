//! `outbox-relay`: from the table's stream to the queues.

use std::sync::Arc;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use futures_util::{StreamExt as _, stream};
use platform::{Boot, BootError, Function, function::failed_record, telemetry::causes};
use store::outbox::OutboxMessage;

use crate::delivery::{CONCURRENT_SENDS, Outbox};

/// The function behind the outbox table's stream.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn relay(boot: Boot) -> Result<Function, BootError> {
    let outbox = Outbox::new(&boot, &crate::RELAY_NEEDS)?;
    Ok(Function::Stream(Arc::new(move |event| {
        let outbox = outbox.clone();
        Box::pin(async move { relay_batch(&outbox, event).await })
    })))
}

/// Sends every message of a batch. The stream goes on from the first one that trying again may help; those after it
/// come again, and are sent again.
async fn relay_batch(outbox: &Outbox, event: Event) -> DynamoDbEventResponse {
    let failed: Vec<Option<String>> = stream::iter(event.records)
        .map(|record| relay_record(outbox, record))
        .buffered(CONCURRENT_SENDS)
        .collect()
        .await;
    failed_record(failed.into_iter().flatten().next())
}

/// The record's sequence number, when it should come again. What nobody but us can mend is passed over, so that it
/// does not hold up the others; it stays in the table, where the sweeper reports it.
async fn relay_record(outbox: &Outbox, record: EventRecord) -> Option<String> {
    // A removal is a message that was delivered.
    if record.event_name != "INSERT" {
        return None;
    }
    // Lambda takes an empty number for the whole batch.
    let sequence_number = record.change.sequence_number.unwrap_or_default();
    let message = OutboxMessage::from_image(record.change.new_image)
        .inspect_err(|error| {
            tracing::error!(sequence_number, error = causes(error), "a record holds no message");
        })
        .ok()?;
    match outbox.deliver(&message).await {
        Err(error) if error.is_retryable() => Some(sequence_number),
        Ok(()) | Err(_) => None,
    }
}
