//! `Idempotency-Key`: the first answer is kept for 24 hours and given again.
//!
//! The claim is made before the work; the answer is recorded in the transaction that does the work, so there is no
//! moment at which the work is done and its answer unknown. Answers are sealed: they may hold what is shown once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kernel::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Entity, Key, SealingKey, Store, Stored, Table, ephemeral};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);

/// How long a claim stands without an answer: longer than API Gateway lets a request run (29 s).
const LEASE: Duration = Duration::from_secs(30);

/// When to ask again whether the request is done. The lease is for those that died; the others take far less.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Principal and key, hashed.
    scope: String,
    /// Keyed hash of method, path and body.
    fingerprint: String,
    claimed_until: Timestamp,
    expires: Timestamp,
    /// The sealed [`Reply`], once there is one.
    reply: Option<String>,
}

impl Record {
    fn key_of(scope: &str) -> Key {
        Key::new(format!("idempotency#{scope}"), "idempotency")
    }
}

impl Entity for Record {
    const KIND: &'static str = "idempotency";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.scope)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}

/// The right to carry out the request with this key.
#[derive(Clone, Debug)]
pub struct Claim(Stored<Record>);

impl Claim {
    pub(crate) fn rev(&self) -> u64 {
        self.0.rev
    }

    /// The record with its answer.
    pub(crate) fn answered(&self, reply: &Reply, key: &SealingKey) -> Result<Record> {
        let plain = serde_json::to_vec(reply).map_err(|error| Error::internal("record an answer", error))?;
        let sealed = key.seal(plain, &place(&self.0.scope))?;
        Ok(Record { reply: Some(sealed), ..self.0.value.clone() })
    }
}

fn place(scope: &str) -> String {
    format!("reply|{scope}")
}

/// Where a request's claim is kept while it runs: filled by the extractor, settled by the commit that records the
/// answer, released when the request ends without one.
#[derive(Clone, Debug, Default)]
pub struct ClaimSlot(Arc<Mutex<Option<Claim>>>);

impl ClaimSlot {
    /// Puts a claim in.
    pub fn fill(&self, claim: Claim) {
        *self.lock() = Some(claim);
    }

    pub(crate) fn peek(&self) -> Option<Claim> {
        self.lock().clone()
    }

    pub(crate) fn settle(&self) {
        *self.lock() = None;
    }

    /// Takes an unsettled claim out, to release it.
    pub fn take(&self) -> Option<Claim> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an attempt to claim a key.
#[derive(Debug)]
pub enum Begun {
    /// Carry the request out.
    Claimed(Claim),
    /// It was carried out: this was the answer.
    Answered(Reply),
}

impl Store {
    /// Claims `scope` (principal and key, hashed) for the request with this fingerprint.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the key was used for another request; [`Error::InProgress`] while the same request
    /// runs.
    pub async fn claim(&self, scope: &str, fingerprint: &str, now: Timestamp) -> Result<Begun> {
        let key = Record::key_of(scope);
        let old = self.get_consistent::<Record>(&key).await?;
        if let Some(old) = old.as_ref().filter(|old| old.expires > now) {
            if old.fingerprint != fingerprint {
                return Err(Error::invalid(
                    "Idempotency-Key",
                    "was used for another request; take a new key",
                ));
            }
            if let Some(reply) = &old.reply {
                let plain = self.sealing_key.open(reply, &place(scope));
                let reply = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
                return reply
                    .map(Begun::Answered)
                    .ok_or_else(|| Error::internal("open a recorded answer", "not ours"));
            }
            if old.claimed_until > now {
                return Err(Error::InProgress { retry_after: ASK_AGAIN });
            }
        }
        let record = Record {
            scope: scope.to_owned(),
            fingerprint: fingerprint.to_owned(),
            claimed_until: now + LEASE,
            expires: now + KEPT,
            reply: None,
        };
        // A record that TTL has not removed yet is taken over like an abandoned claim.
        let claimed = self.put_ephemeral(record, old.as_ref()).await?;
        claimed
            .map(|record| Begun::Claimed(Claim(record)))
            .ok_or(Error::InProgress { retry_after: ASK_AGAIN })
    }

    /// Gives a claim back whose request ended without a recorded answer, so that it can be sent again at once.
    pub async fn release(&self, claim: Claim) -> Result<()> {
        self.delete_ephemeral(&claim.0).await
    }
}
