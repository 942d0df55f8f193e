//! What every worker needs to run jobs, whatever they do.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::ChangeMessageVisibilityBatchRequestEntry};
use kernel::{Error, Result};
use store::Store;

use crate::{
    Clock,
    bucket::Bucket,
    queue::{QueueUrl, attribute},
};

/// The longest that SQS hides a message.
const HIDDEN_MAX: Duration = Duration::from_hours(12);

/// A worker's ground. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) results: Bucket,
    pub(super) sqs: Client,
    pub(super) queue: QueueUrl,
    pub(super) dead_letters: QueueUrl,
    pub(super) queue_name: &'static str,
}

impl Desk {
    /// Hides messages of a batch, ten at most, from other workers for so long from now.
    pub(super) async fn hide(&self, messages: &[&SqsMessage], time: Duration) -> Result<()> {
        let seconds = i32::try_from(time.min(HIDDEN_MAX).as_secs()).unwrap_or(i32::MAX);
        let entries: Result<Vec<_>, _> = messages
            .iter()
            .enumerate()
            .map(|(at, message)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(at.to_string())
                    .receipt_handle(message.receipt_handle.clone().unwrap_or_default())
                    .visibility_timeout(seconds)
                    .build()
            })
            .collect();
        let entries = entries.map_err(|error| Error::internal("hide messages", error))?;
        let request = self.sqs.change_message_visibility_batch().queue_url(self.queue.as_str());
        let answer = request.set_entries(Some(entries)).send().await;
        answer
            .map(|_| ())
            .map_err(|error| Error::unavailable("hide messages", DisplayErrorContext(error).to_string()))
    }

    /// Sends a message to the dead letters, with the reason.
    pub(super) async fn bury(&self, body: &str, reason: &str) -> Result<()> {
        // An empty body cannot have come, and cannot be sent.
        let body = if body.is_empty() { " " } else { body };
        let request = self
            .sqs
            .send_message()
            .queue_url(self.dead_letters.as_str())
            .message_body(body)
            .message_attributes("reason", attribute(reason)?)
            .message_attributes("queue", attribute(self.queue_name)?);
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::unavailable("send a dead letter", DisplayErrorContext(error).to_string()))
    }
}
