//! A job of the lab: asked for, and handed to a worker.

use std::time::Duration;

use kernel::{
    id::TenantId,
    job::{Job, Outcome, Owner, Wanted},
};
use platform::{auth::system, function::SqsHandler, ids};
use serde_json::{Value, json};
use store::{
    Change, Stored,
    job::{JobMessage, key_of},
};

use crate::{Lab, REQUEST_ID};

impl Lab {
    /// A job that is due now, on the platform's own behalf; not asked for yet. The queue is named by the environment
    /// variable that holds its URL.
    pub fn wanted_job<'a>(
        &self,
        tenant_id: TenantId,
        names: (&'a str, &'a str),
        payload: &Value,
    ) -> Wanted<'a> {
        let now = self.clock().now();
        let (job_type, queue) = names;
        Wanted {
            id: ids::new(now),
            tenant_id,
            job_type,
            queue,
            payload: payload.to_string(),
            owner: Owner::of(&system()),
            request_id: REQUEST_ID,
            due_at: now,
            deadline: None,
        }
    }

    /// Asks for a job.
    ///
    /// # Panics
    /// When it cannot be committed.
    pub async fn ask_for_job(&self, wanted: Wanted<'_>) -> Job {
        let job = Job::queued(wanted, self.clock().now());
        self.commit(Change::enqueue_job(&job)).await;
        job
    }

    /// Hands a message about a job to a worker that has so long; answers the job as it is then, and whether the message
    /// is to come again.
    ///
    /// # Panics
    /// When the job is not there.
    pub async fn hand_job(&self, job: &Job, worker: &SqsHandler, left: Duration) -> (Job, bool) {
        let body = serde_json::to_string(&JobMessage::of(job)).expect("a message");
        let event = json!({ "Records": [{ "messageId": "1", "receiptHandle": "1#1", "body": body }] });
        let answer = worker(serde_json::from_value(event).expect("an event of SQS"), left.into()).await;
        let key = key_of(job.tenant_id, job.id);
        let row: Option<Stored<Job>> = self.store().get_consistent(&key).await.expect("a store that answers");
        (row.expect("the job").value, !answer.batch_item_failures.is_empty())
    }
}

/// What a job has made, out of its row.
///
/// # Panics
/// When it has made nothing, or an object of its own.
pub fn result(job: &Job) -> Value {
    let Some(Outcome::Inline(json)) = &job.outcome else { panic!("{job:#?}") };
    serde_json::from_str(json).expect("a result is JSON")
}
