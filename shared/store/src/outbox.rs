//! Messages that leave with a change: written in its transaction, relayed to their queue afterwards.

use kernel::{Timestamp, id::MessageId};
use serde::{Deserialize, Serialize};

use crate::{Entity, Index, Key, Table};

/// Where messages wait.
pub const TABLE: Table = Table("OUTBOX_TABLE");

/// Messages by queue and age, for the sweeper.
const BY_AGE: Index = Index("gsi1");

/// A message on its way to a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id; the consumer's key against duplicates.
    pub id: MessageId,
    /// The queue, named by the environment variable that holds its URL.
    pub queue: String,
    /// The request it came with.
    pub request_id: String,
    /// When it was written.
    pub at: Timestamp,
    /// JSON. Holds no secrets: what a worker needs in secret it derives from ids.
    pub body: String,
}

impl OutboxMessage {
    /// The one partition of the age index.
    pub const WAITING: &'static str = "waiting";

    /// The index that lists waiting messages, oldest first.
    pub const fn by_age() -> Index {
        BY_AGE
    }
}

impl Entity for OutboxMessage {
    const KIND: &'static str = "message";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Key::new(format!("message#{}", self.id), "message")
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_AGE, Key::new(Self::WAITING, format!("message#{}", self.id)))]
    }
}
