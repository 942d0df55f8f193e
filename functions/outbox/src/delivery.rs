//! From the table to a queue: send, then forget.

use std::collections::HashMap;

use kernel::{Result, Timestamp};
use platform::{
    Boot, BootError, Clock, Needs,
    config::Reader,
    queue::{QueueUrl, Queues},
    telemetry::causes,
};
use store::{
    SealingKey, Store,
    outbox::{self, OutboxMessage, Waiting},
};
use tracing::Instrument as _;

/// How many messages are on their way to SQS at once.
pub(crate) const CONCURRENT_SENDS: usize = 16;

/// The outbox and the queues that its messages are for.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    store: Store,
    queues: Queues,
    clock: Clock,
}

impl Outbox {
    pub(crate) fn new(boot: &Boot, needs: &Needs) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, needs);
        let table = env.required::<String>(outbox::TABLE.0);
        let urls = env.each::<QueueUrl>("_QUEUE_URL");
        let (table, urls) = env.finish(|| table.zip(urls))?;
        let tables = HashMap::from([(outbox::TABLE, table)]);
        Ok(Self {
            // Nothing is sealed here: no cursor leaves, no answer is recorded.
            store: Store::new(&boot.aws, tables, SealingKey::throwaway()),
            queues: Queues::new(&boot.aws, urls),
            clock: boot.clock.clone(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn waiting(
        &self,
        older_than: Timestamp,
        next: Option<&str>,
        limit: u16,
    ) -> Result<Waiting> {
        self.store.waiting_messages(older_than, next, limit).await
    }

    /// Whether messages for that queue can be sent from here.
    pub(crate) fn serves(&self, queue: &str) -> bool {
        self.queues.has(queue)
    }

    /// Sends a message, then takes it out of the table. Logs what goes wrong.
    ///
    /// A message that is sent and cannot be taken out is delivered: the sweeper sends it once more.
    ///
    /// # Errors
    /// As [`Queues::send`].
    pub(crate) async fn deliver(&self, message: &OutboxMessage) -> Result<()> {
        // Of the highest level, so that no filter takes the ids from the lines inside.
        let span = tracing::error_span!(
            "message",
            request_id = message.request_id,
            message_id = %message.id,
            queue = message.queue,
        );
        async {
            self.queues.send(message).await.inspect_err(|error| {
                tracing::error!(error = causes(error), "a message was not sent");
            })?;
            match self.store.forget_message(message.id).await {
                Ok(true) => tracing::info!("sent"),
                Ok(false) => tracing::info!("sent again: it had been delivered before"),
                Err(error) => tracing::warn!(error = causes(&error), "sent, but still in the outbox"),
            }
            Ok(())
        }
        .instrument(span)
        .await
    }
}
