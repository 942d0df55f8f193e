//! Jobs in DynamoDB.
//!
//! A job is one item, and its own outbox: that it waits is what the table's stream tells the relay, so that there is
//! nothing to send that is not in the transaction that asked for the job. The index lists those that the sweeper has to
//! look at, and by when.
//!
//! What becomes of a job is written by a [`Change`], with its entry. What a worker does meanwhile, claiming it, renewing
//! its lease and telling how far it is, describes no state of the domain that anybody has to answer for, comes as often as
//! every second, and is written by [`Store::note_job`], on condition that the job is as it was read.

use std::collections::BTreeMap;

use kernel::{
    Error, Result, Timestamp,
    id::{DeadLetterId, Id as _, JobId, TenantId},
    job::{self, Job, Move, Status},
};
use serde::{Deserialize, Serialize};

use crate::{Change, Entity, Index, Key, Query, Store, Stored, Table, change::changed_meanwhile, ephemeral};

/// Where jobs and dead letters are.
pub const TABLE: Table = Table("JOBS_TABLE");

/// Jobs by when the sweeper looks at them.
const BY_LOOK: Index = Index("gsi1");

/// Into how many partitions of the index jobs are spread: one takes a thousand writes a second.
pub const SHARDS: u8 = 8;

/// The version of messages.
const MESSAGE_VERSION: u32 = 1;

impl Entity for Job {
    const KIND: &'static str = "job";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        key_of(self.tenant_id, self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        let key = self.look_at.map(|at| {
            let shard = self.id.uuid().as_bytes()[15] % SHARDS;
            (BY_LOOK, Key::new(shard_of(shard), format!("{}#{}", look_key(at), self.id)))
        });
        key.into_iter().collect()
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.ended_at.map(|at| at + job::KEPT)
    }
}

/// The key of a job.
pub fn key_of(tenant_id: TenantId, id: JobId) -> Key {
    Key::new(format!("tenant#{tenant_id}"), format!("job#{id}"))
}

/// The jobs of a tenant, oldest first.
pub fn of_tenant(tenant_id: TenantId) -> Query<Job> {
    Query::table(format!("tenant#{tenant_id}"), "job#")
}

fn shard_of(shard: u8) -> String {
    format!("look#{shard}")
}

/// As many digits as the latest time that an id can tell has.
fn look_key(at: Timestamp) -> String {
    format!("{:015}", at.millis().max(0))
}

/// What a queue's message says: which job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    /// The version of this shape.
    v: u32,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The job.
    pub job_id: JobId,
}

impl JobMessage {
    /// That a job is to be run.
    pub fn of(job: &Job) -> Self {
        Self { v: MESSAGE_VERSION, tenant_id: job.tenant_id, job_id: job.id }
    }

    /// Reads a queue's message.
    ///
    /// # Errors
    /// Why it cannot be: it will never be a message about a job.
    pub fn parse(body: &str) -> Result<Self, String> {
        let json: serde_json::Value =
            serde_json::from_str(body).map_err(|error| format!("the message is not JSON: {error}"))?;
        if json["v"] != MESSAGE_VERSION {
            return Err(format!("the message has the unknown version {}", json["v"]));
        }
        serde_json::from_value(json).map_err(|error| format!("the message names no job: {error}"))
    }
}

/// What could not be delivered, or failed in every attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// When it became one.
    pub at: Timestamp,
    /// The queue it was in, named by the environment variable that holds its URL.
    pub queue: String,
    /// Why.
    pub reason: String,
    /// The job, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<DeadJob>,
    /// The message, if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Which job a dead letter is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadJob {
    /// Its id.
    pub id: JobId,
    /// The tenant it runs in.
    pub tenant_id: TenantId,
    /// The name of its type.
    #[serde(rename = "type")]
    pub job_type: String,
}

impl DeadLetter {
    /// A job's. It has the id of its job: a job is one dead letter at most.
    pub fn of(job: &Job, queue: &str, at: Timestamp) -> Self {
        let id = Self::id_of(job.id);
        let reason = job.failure.as_ref().map(|failure| format!("{}: {}", failure.rule, failure.detail));
        let dead = DeadJob { id: job.id, tenant_id: job.tenant_id, job_type: job.job_type.clone() };
        let reason = reason.unwrap_or_default();
        Self { id, at, queue: queue.to_owned(), reason, job: Some(dead), body: None }
    }

    /// The id that a job has among the dead letters.
    pub fn id_of(job: JobId) -> DeadLetterId {
        DeadLetterId::from_uuid(job.uuid())
    }

    /// Every one, in the order of their ids.
    pub fn every() -> Query<Self> {
        Query::table("dead", "dead#")
    }

    /// The key of one.
    pub fn key_of(id: DeadLetterId) -> Key {
        Key::new("dead", format!("dead#{id}"))
    }
}

impl Entity for DeadLetter {
    const KIND: &'static str = "dead";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.at + job::KEPT)
    }
}

/// The places that jobs of a type take in a tenant, which has only so many.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Places {
    job_type: String,
    tenant_id: TenantId,
    /// Until when each job has its place.
    taken: BTreeMap<String, Timestamp>,
}

impl Places {
    fn key_of(job_type: &str, tenant_id: TenantId) -> Key {
        Key::new(format!("places#{job_type}#{tenant_id}"), "places")
    }

    fn of(job: &Job) -> Self {
        Self { job_type: job.job_type.clone(), tenant_id: job.tenant_id, taken: BTreeMap::new() }
    }
}

impl Entity for Places {
    const KIND: &'static str = "places";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.job_type, self.tenant_id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.taken.values().copied().max()
    }
}

impl Change {
    /// Begins the change that asks for a job.
    #[must_use]
    pub fn enqueue_job(job: &Job) -> Self {
        Self::of_job("job.enqueue", job).create(job, changed_meanwhile())
    }

    /// Begins the change that moves a job to where it stands then.
    #[must_use]
    pub fn move_job(happening: Move, job: &Stored<Job>, next: &Job) -> Self {
        Self::of_job(happening.action(), job).replace(job, next)
    }

    /// Begins the change that cancels a job, or asks its worker to stop.
    #[must_use]
    pub fn cancel_job(job: &Stored<Job>, next: &Job) -> Self {
        if next.status == Status::Running {
            return Self::of_job("job.request_cancellation", job).replace(job, next);
        }
        Self::move_job(Move::Cancel, job, next)
    }

    fn of_job(action: &'static str, job: &Job) -> Self {
        Self::new(action, "job", job.id).in_tenant(job.tenant_id)
    }
}

impl Store {
    /// Writes what a worker or the sweeper does with a job that has not ended, if it still is as it was read; answers it
    /// as it is stored now, or `None` when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::Internal`] for anything that somebody has to answer for: that is a [`Change`]'s to write.
    pub async fn note_job(&self, next: Job, old: &Stored<Job>) -> Result<Option<Stored<Job>>> {
        if next.status != Status::Running && next.status != old.status {
            let what = format!("{} to {}", old.status, next.status);
            return Err(Error::internal("note what is done with a job", what));
        }
        self.put_if_unchanged(next, Some(old)).await
    }

    /// Which jobs of a shard are to be looked at by now, the longest waiting first.
    pub async fn jobs_to_look_at(&self, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<Key>> {
        let span = (look_key(Timestamp::from_millis(0)), format!("{}~", look_key(now)));
        let query = Query::<Job>::index(BY_LOOK, shard_of(shard), "").between(span);
        let (items, _) = self.run(&query, i32::from(limit), None).await?;
        Ok(items.iter().filter_map(Key::of).collect())
    }

    /// Takes one of the places that a tenant has for jobs of this type, until then; answers whether there was one.
    pub async fn take_place(&self, job: &Job, places: u32, until: Timestamp, now: Timestamp) -> Result<bool> {
        let key = Places::key_of(&job.job_type, job.tenant_id);
        let id = job.id.to_string();
        let taken = self.update_ephemeral::<Places>(&key, |old| {
            let mut next = old.cloned().unwrap_or_else(|| Places::of(job));
            next.taken.retain(|taken, until| *until > now && *taken != id);
            if next.taken.len() >= usize::try_from(places).unwrap_or(usize::MAX) {
                return Err(Error::conflict("no_place", "every place is taken"));
            }
            next.taken.insert(id.clone(), until);
            Ok(next)
        });
        match taken.await {
            Ok(()) => Ok(true),
            Err(Error::Conflict { .. } | Error::TooManyRequests { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a place back.
    pub async fn leave_place(&self, job: &Job) -> Result<()> {
        let key = Places::key_of(&job.job_type, job.tenant_id);
        let id = job.id.to_string();
        self.update_ephemeral::<Places>(&key, |old| {
            let mut next = old.cloned().unwrap_or_else(|| Places::of(job));
            next.taken.remove(&id);
            Ok(next)
        })
        .await
    }

    /// A job as the table's stream tells of it; `None` for another item.
    ///
    /// # Errors
    /// [`Error::Internal`] for a job that cannot be read.
    pub fn job_in_image(image: serde_dynamo::Item) -> Result<Option<Job>> {
        let item: crate::entity::Item = image.into();
        let kind = item.get("kind").and_then(|kind| kind.as_s().ok());
        if kind.map(String::as_str) != Some(Job::KIND) {
            return Ok(None);
        }
        crate::entity::decode(item).map(|stored: Stored<Job>| Some(stored.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_about_jobs_are_read() {
        let id = "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17";
        let right = format!(r#"{{"v":1,"tenant_id":"{id}","job_id":"{id}"}}"#);
        let message = JobMessage::parse(&right).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), right);
        for (body, reason) in [
            ("", "the message is not JSON"),
            ("hello", "the message is not JSON"),
            ("[]", "the message has the unknown version null"),
            (r#"{"v":2}"#, "the message has the unknown version 2"),
            (r#"{"v":1,"tenant_id":"x","job_id":"y"}"#, "the message names no job"),
        ] {
            let told = JobMessage::parse(body).unwrap_err();
            assert!(told.starts_with(reason), "{told}");
        }
    }

    #[test]
    fn what_is_looked_at_sooner_sorts_first() {
        let keys = [0, 9, 10, 1_800_000_000_000].map(|at| look_key(Timestamp::from_millis(at)));
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
