//! Revocations of access tokens, in one partition ordered by time, so that a warm function reads only the new ones.

use std::time::Duration;

use kernel::{
    Result, Timestamp,
    claims::{ACCESS_TOKEN_LIFETIME, CLOCK_SKEW},
    id::AuditId,
    revocation::Subject,
};
use serde::{Deserialize, Serialize};

use crate::{Change, Entity, Key, Query, Store, Table, ephemeral};

/// One revocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revocation {
    /// Keeps two of the same millisecond apart.
    pub id: AuditId,
    /// Whose tokens.
    pub subject: Subject,
    /// Those made up to then.
    pub at: Timestamp,
}

const PARTITION: &str = "revocations";

impl Entity for Revocation {
    const KIND: &'static str = "revocation";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Key::new(PARTITION, format!("{}#{}", self.at, self.id))
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.at + ACCESS_TOKEN_LIFETIME + CLOCK_SKEW + Duration::from_mins(1))
    }
}

impl Store {
    /// The revocations written after `since`, consistently.
    pub async fn revocations_since(&self, since: Timestamp) -> Result<Vec<Revocation>> {
        let query = Query::<Revocation>::table(PARTITION, "").after(since.to_string()).consistent();
        Ok(self.all(&query).await?.into_iter().map(|stored| stored.value).collect())
    }
}

impl Change {
    /// Refuses the subject's access tokens made up to `at`, from within 5 s on, everywhere.
    #[must_use]
    pub fn revoke(self, id: AuditId, subject: Subject, at: Timestamp) -> Self {
        self.put(&Revocation { id, subject, at })
    }
}
