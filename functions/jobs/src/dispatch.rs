//! From a job to its queue.

use std::{collections::BTreeMap, time::Duration};

use kernel::{Error, Result, job::Job};
use platform::{
    config::Reader,
    job::QUEUES,
    queue::{Letter, QueueUrl, Queues},
};
use store::job::JobMessage;

/// How many messages are on their way to SQS at once.
pub(crate) const CONCURRENT_SENDS: usize = 16;

/// The URLs of the workers' queues. `None` when a fault was noted.
pub(crate) fn read_queues(env: &mut Reader<'_>) -> Option<BTreeMap<String, QueueUrl>> {
    let urls = QUEUES.map(|queue| (queue.to_owned(), env.required::<QueueUrl>(queue)));
    urls.into_iter().map(|(queue, url)| Some((queue, url?))).collect()
}

/// Sends the message about a job to its queue, where it arrives after `delay`.
///
/// # Errors
/// As [`Queues::post`].
pub(crate) async fn send(queues: &Queues, job: &Job, delay: Duration) -> Result<()> {
    let body = serde_json::to_string(&JobMessage::of(job));
    let body = body.map_err(|error| Error::internal("encode a message", error))?;
    let letter = Letter {
        queue: &job.queue,
        body: &body,
        attributes: &[("request_id", &job.request_id)],
        delay,
        group: Some(&job.tenant_id.to_string()),
    };
    queues.post(&letter).await
}
