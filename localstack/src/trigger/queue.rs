//! From a queue to its function, as Lambda's pollers do.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use cloud::template::Function;
use cloud::{Cloud, sqs_event};
use platform::{Curfew, function::SqsHandler};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::invoke;
use crate::stop::Stop;

/// Batches of one queue that may be under way at once, unless its function's trigger says otherwise.
pub(super) const CONCURRENCY: usize = 2;
/// SQS hands out no more at once.
const RECEIVE_MAX: usize = 10;
const WAIT_SECONDS: i32 = 20;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Source {
    pub(super) queue: String,
    pub(super) batch_size: usize,
    pub(super) reports_failures: bool,
    pub(super) concurrency: usize,
}

/// One function at one queue.
#[derive(Clone)]
pub(super) struct Poller {
    client: Client,
    url: String,
    function: Function,
    source: Source,
    handler: SqsHandler,
}

impl Poller {
    /// A poller for a queue event.
    pub(super) fn new(cloud: &Cloud, function: Function, source: Source, handler: SqsHandler) -> Self {
        Self { client: Client::new(&cloud.sdk_config()), url: url(&source.queue), function, source, handler }
    }

    /// Polls until everything has to end, and then until its batches are done.
    pub(super) async fn run(self, mut stop: Stop) {
        let slots = Arc::new(Semaphore::new(self.source.concurrency));
        let mut batches = JoinSet::new();
        loop {
            while batches.try_join_next().is_some() {}
            let received = tokio::select! {
                () = stop.requested() => break,
                received = self.receive(&slots) => received,
            };
            match received {
                Ok(messages) => {
                    for batch in messages.chunks(self.source.batch_size) {
                        // As many were received as there are slots, and nobody else takes any.
                        let slot = Arc::clone(&slots).try_acquire_owned();
                        batches.spawn(self.clone().work(batch.to_vec(), slot.ok(), stop.clone()));
                    }
                }
                Err(error) => {
                    self.report(&error);
                    if !stop.pause(PAUSE_AFTER_FAILURE).await {
                        break;
                    }
                }
            }
        }
        while batches.join_next().await.is_some() {}
    }

    /// Waits for a free slot, and receives as many messages as there are slots for.
    async fn receive(&self, slots: &Semaphore) -> Result<Vec<Message>, String> {
        drop(slots.acquire().await.map_err(|e| e.to_string())?);
        let room = slots.available_permits().max(1).saturating_mul(self.source.batch_size);
        let max = i32::try_from(room.clamp(1, RECEIVE_MAX)).unwrap_or(1);
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(max)
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        received.map(|r| r.messages.unwrap_or_default()).map_err(|e| e.into_service_error().to_string())
    }

    async fn work(self, messages: Vec<Message>, slot: Option<OwnedSemaphorePermit>, stop: Stop) {
        if let Err(error) = self.handle(&messages, stop).await {
            self.report(&error);
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
        drop(slot);
    }

    fn report(&self, error: &str) {
        let (function, queue) = (&self.function.binary, &self.source.queue);
        tracing::error!(function, queue, error, "a queue batch failed");
    }

    /// Invokes the function and deletes what it handled. What it did not comes again when its visibility ends.
    async fn handle(&self, messages: &[Message], mut stop: Stop) -> Result<(), String> {
        let event = sqs_event(messages, &self.source.queue);
        let event: SqsEvent = serde_json::from_value(event).map_err(|e| e.to_string())?;
        let timeout = self.function.timeout;
        let curfew = Curfew::from(timeout).or(async move { stop.requested().await });
        let answer = invoke::run(timeout, (self.handler)(event, curfew)).await.map_err(|e| e.to_string())?;
        let failed = if self.source.reports_failures { failures(&answer, messages) } else { Vec::new() };
        let done = messages
            .iter()
            .enumerate()
            .filter(|(_, m)| !failed.contains(&m.message_id().unwrap_or_default()));
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
            let request = self.client.delete_message_batch().queue_url(&self.url);
            let deleted = request.set_entries(Some(entries)).send().await;
            deleted.map_err(|e| e.into_service_error().to_string())?;
        }
        Ok(())
    }
}

/// The URL of a queue by its name.
pub(super) fn url(queue: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/123456789012/{queue}")
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
