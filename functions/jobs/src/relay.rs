//! `jobs-relay`: from the table's stream to the queues.

use std::sync::Arc;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use futures_util::{StreamExt as _, stream};
use platform::{
    Boot, BootError, Clock, Function, config::Reader, function::failed_record, queue::Queues,
    telemetry::causes,
};
use store::Store;
use tracing::Instrument as _;

use crate::dispatch::{CONCURRENT_SENDS, read_queues, send};

#[derive(Clone, Debug)]
struct Relay {
    queues: Queues,
    clock: Clock,
}

/// The function behind the table's stream.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn relay(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::RELAY_NEEDS);
    let urls = read_queues(&mut env);
    let urls = env.finish(|| urls)?;
    let relay = Relay { queues: Queues::new(&boot.aws, urls), clock: boot.clock.clone() };
    Ok(Function::Stream(Arc::new(move |event| {
        let relay = relay.clone();
        Box::pin(async move { relay.batch(event).await })
    })))
}

impl Relay {
    /// Sends a message for each job of a batch that waits. The stream goes on from the first one that trying again may
    /// help; those after it come again, and have two messages.
    async fn batch(&self, event: Event) -> DynamoDbEventResponse {
        let failed: Vec<Option<String>> = stream::iter(event.records)
            .map(|record| self.record(record))
            .buffered(CONCURRENT_SENDS)
            .collect()
            .await;
        failed_record(failed.into_iter().flatten().next())
    }

    /// The record's sequence number, when it should come again. What nobody but us can mend is passed over, so that it
    /// does not hold up the others; the sweeper reports it.
    async fn record(&self, record: EventRecord) -> Option<String> {
        // Lambda takes an empty number for the whole batch.
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        let job = Store::job_in_image(record.change.new_image).inspect_err(|error| {
            tracing::error!(
                sequence_number,
                error = causes(error),
                "a record holds a job that cannot be read"
            );
        });
        let job = job.ok()??;
        let delay = job.send_delay(self.clock.now())?;
        // Of the highest level, so that no filter takes the ids from the lines inside.
        let span = tracing::error_span!("job", job_id = %job.id, request_id = job.request_id);
        let sent = send(&self.queues, &job, delay).instrument(span.clone()).await;
        let _entered = span.enter();
        match sent {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(error = causes(&error), "a job's message was not sent");
                error.is_retryable().then_some(sequence_number)
            }
        }
    }
}
