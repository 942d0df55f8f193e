//! `jobs-dead-letters`: files what no worker could handle, where operators see it and can give it another try.

use std::{collections::BTreeMap, sync::Arc};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use kernel::Result;
use platform::{
    Boot, BootError, Clock, Function, auth::by_itself, config::Reader, edge::read_tables,
    function::failed_messages, ids, queue::QueueUrl, telemetry::causes,
};
use store::{
    Change, SealingKey, Store, audit, changed_meanwhile,
    job::{self, DeadLetter, JobMessage},
};

use crate::dispatch::read_queues;

/// How much of a message is kept, in bytes: what a row has room for.
const BODY_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug)]
struct Morgue {
    store: Store,
    clock: Clock,
    /// The queues by the last part of their URL, which is the last of their ARN too.
    queues: BTreeMap<String, String>,
}

/// The function behind the dead-letter queue.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn dead_letters(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::DEAD_LETTERS_NEEDS);
    let urls = read_queues(&mut env);
    let tables = read_tables(&mut env, &[job::TABLE, audit::TABLE]);
    let (urls, tables) = env.finish(|| urls.zip(tables))?;
    let morgue = Arc::new(Morgue {
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        store: Store::new(&boot.aws, tables, SealingKey::throwaway()),
        clock: boot.clock.clone(),
        queues: urls.iter().map(|(name, url)| (last_part(url).to_owned(), name.clone())).collect(),
    });
    Ok(Function::Sqs(Arc::new(move |event, _| {
        let morgue = Arc::clone(&morgue);
        Box::pin(async move { morgue.batch(&event).await })
    })))
}

fn last_part(url: &QueueUrl) -> &str {
    url.as_str().rsplit('/').next().unwrap_or_default()
}

impl Morgue {
    async fn batch(&self, event: &SqsEvent) -> SqsBatchResponse {
        let filed = join_all(event.records.iter().map(async |message| {
            let id = message.message_id.clone().unwrap_or_default();
            match self.file(message).await {
                Ok(outcome) => {
                    tracing::info!(message_id = id, outcome, "filed");
                    None
                }
                Err(error) => {
                    tracing::error!(message_id = id, error = causes(&error), "it should come again");
                    Some(id)
                }
            }
        }));
        failed_messages(filed.await.into_iter().flatten())
    }

    /// Files a message, unless it names a job: that waits in its row, and the sweeper sends it another.
    async fn file(&self, message: &SqsMessage) -> Result<&'static str> {
        let body = message.body.clone().unwrap_or_default();
        let reason = attribute(message, "reason");
        match JobMessage::parse(&body) {
            Ok(named) if reason.is_none() => {
                tracing::warn!(job_id = %named.job_id, "a job's message was received too often");
                Ok("the sweeper looks after the job")
            }
            _ => self.file_message(message, reason, body).await,
        }
    }

    async fn file_message(
        &self,
        message: &SqsMessage,
        reason: Option<String>,
        mut body: String,
    ) -> Result<&'static str> {
        let now = self.clock.now();
        body.truncate(body.floor_char_boundary(BODY_BYTES_MAX));
        let letter = DeadLetter {
            id: ids::new(now),
            at: now,
            queue: attribute(message, "queue").unwrap_or_else(|| self.queue_of(message)),
            reason: reason.unwrap_or_else(|| "no worker could handle the message".to_owned()),
            job: None,
            body: Some(body),
        };
        let request_id = attribute(message, "request_id").unwrap_or_else(|| "unknown".to_owned());
        let change = Change::new("dead_letter.file", "dead_letter", letter.id);
        self.store.commit(&by_itself(request_id, now), change.create(&letter, changed_meanwhile())).await?;
        Ok("a message that cannot be handled")
    }

    /// The queue that SQS has moved a message from, as workers call it.
    fn queue_of(&self, message: &SqsMessage) -> String {
        let arn = message.attributes.get("DeadLetterQueueSourceArn");
        let name = arn.and_then(|arn| arn.rsplit(':').next()).and_then(|name| self.queues.get(name));
        name.cloned().unwrap_or_else(|| "unknown".to_owned())
    }
}

fn attribute(message: &SqsMessage, name: &str) -> Option<String> {
    message.message_attributes.get(name)?.string_value.clone()
}
