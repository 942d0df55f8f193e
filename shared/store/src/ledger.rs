//! What is in the audit log: its entries by who, what and to what; and its head, which one sequencer at a time may move.
//!
//! Only the sequencer writes here. It describes nothing of the domain that a [`Change`](crate::Change) has not
//! described, so it is written without one; every write is conditional on the head that it was decided on.

use aws_sdk_dynamodb::types::{
    ConditionCheck, DeleteRequest, Put, ReturnConsumedCapacity, TransactWriteItem, WriteRequest,
};
use futures_util::future::try_join_all;
use kernel::{
    Error, Result, Timestamp,
    id::{AuditId, Id as _, TenantId, uuid_v7},
};
use serde::{Deserialize, Serialize};
use tlog::Hash;

use crate::{
    Entity, Index, Key, Query, Store, Stored, Table,
    audit::{self, AuditEntry, Opening, SHARDS},
    change::{ATTEMPTS, backoff},
    entity::{self, number},
    failure::translate,
};

/// Where the log's entries and its head are.
pub const TABLE: Table = Table("LEDGER_TABLE");

const BY_ACTOR: Index = Index("gsi1");
const BY_ACTION: Index = Index("gsi2");
const BY_TARGET: Index = Index("gsi3");

/// How many rows one transaction holds, beside its look at the head.
const ROWS_PER_TRANSACTION: usize = 99;

/// How many items DynamoDB deletes in one batch.
const DELETES_PER_BATCH: usize = 25;

/// How many items DynamoDB reads in one batch.
const READS_PER_BATCH: usize = 100;

/// How far the log has come, and what is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many entries the log has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// The leaf hash of its last entry: what the next one is chained to.
    pub last: Hash,
    /// The signed checkpoint of that size.
    pub checkpoint: String,
    /// The verifier key of its signature (C2SP signed-note).
    pub vkey: String,
    /// The entries that are being taken in, or cleared out of the inbox.
    pub work: Option<Work>,
}

/// Entries on their way from the inbox into the log, in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Which.
    pub ids: Vec<AuditId>,
    /// Whether they are in the log, so that only the inbox still has to let go of them.
    pub is_logged: bool,
}

impl Head {
    /// The key of the one head.
    pub fn key() -> Key {
        Key::new("head", "head")
    }
}

impl Entity for Head {
    const KIND: &'static str = "head";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key()
    }
}

/// An entry that is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEntry {
    /// The entry and what opens it.
    #[serde(flatten)]
    pub audit: AuditEntry,
    /// Its place in the log, from 0.
    pub index: u64,
    /// The leaf hash of the entry before it.
    pub prev: Hash,
}

impl LoggedEntry {
    /// The key of a tenant's entry.
    pub fn key_of(tenant_id: TenantId, id: AuditId) -> Key {
        Key::new(format!("tenant#{tenant_id}"), Self::sk(id))
    }

    fn sk(id: AuditId) -> String {
        format!("entry#{id}")
    }

    fn action_partition(tenant_id: TenantId, action: &str) -> String {
        format!("tenant#{tenant_id}#action#{action}")
    }

    /// All entries of a tenant, oldest first.
    pub fn of_tenant(tenant_id: TenantId) -> Query<Self> {
        Query::table(format!("tenant#{tenant_id}"), "entry#")
    }

    /// What a tenant's log tells of one action.
    pub fn by_action(tenant_id: TenantId, action: &str) -> Query<Self> {
        Query::index(BY_ACTION, Self::action_partition(tenant_id, action), "entry#")
    }

    /// What a principal has done in a tenant.
    pub fn by_actor(tenant_id: TenantId, id: &str) -> Query<Self> {
        Query::index(BY_ACTOR, format!("tenant#{tenant_id}#actor#{id}"), "entry#")
    }

    /// What was done to a target in a tenant.
    pub fn by_target(tenant_id: TenantId, id: &str) -> Query<Self> {
        Query::index(BY_TARGET, format!("tenant#{tenant_id}#target#{id}"), "entry#")
    }

    /// The sort keys between which the entries of a span of time lie, both ends included.
    pub fn span(since: Timestamp, until: Timestamp) -> (String, String) {
        let first = AuditId::from_uuid(uuid_v7(since, [0; 10]));
        let last = AuditId::from_uuid(uuid_v7(until, [0xff; 10]));
        (Self::sk(first), Self::sk(last))
    }
}

impl Entity for LoggedEntry {
    const KIND: &'static str = "entry";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.audit.entry.tenant_id, self.audit.entry.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        let AuditEntry { entry, openings } = &self.audit;
        let sk = Self::sk(entry.id);
        let by = |index, pk| (index, Key::new(pk, sk.clone()));
        let tenant = format!("tenant#{}", entry.tenant_id);
        let actor = openings.actor.as_ref().map(|Opening { value, .. }| format!("{tenant}#actor#{value}"));
        let target = openings.target.as_ref().map(|Opening { value, .. }| format!("{tenant}#target#{value}"));
        let (actor, target) = (actor.map(|pk| by(BY_ACTOR, pk)), target.map(|pk| by(BY_TARGET, pk)));
        let action = by(BY_ACTION, Self::action_partition(entry.tenant_id, &entry.action));
        actor.into_iter().chain(target).chain([action]).collect()
    }
}

impl Store {
    /// The log's head; `None` before the first entry.
    pub async fn log_head(&self) -> Result<Option<Stored<Head>>> {
        self.get_consistent(&Head::key()).await
    }

    /// Moves the head, if it is still as it was read. `None` when another sequencer was faster.
    pub async fn move_head(&self, next: Head, old: Option<&Stored<Head>>) -> Result<Option<Stored<Head>>> {
        self.put_if_unchanged(next, old).await
    }

    /// Up to `limit` entries that wait in the inbox, oldest first. What the log cannot take is reported and left: every
    /// function may put something there.
    pub async fn inbox(&self, limit: u16) -> Result<Vec<AuditEntry>> {
        let shards = (0..SHARDS).map(|shard| async move {
            let query = Query::<AuditEntry>::table(AuditEntry::partition(shard), "audit#").consistent();
            self.first(&query, usize::from(limit)).await
        });
        let mut waiting: Vec<AuditEntry> = Vec::new();
        for item in try_join_all(shards).await?.into_iter().flatten() {
            let key = Key::of(&item);
            let entry = entity::decode::<AuditEntry>(item).map(|entry| entry.value);
            match entry {
                Ok(entry) if key.as_ref() == Some(&entry.key()) && entry.is_admissible() => {
                    waiting.push(entry);
                }
                Ok(_) => {
                    tracing::error!(?key, "an item of the inbox is not what its key or its openings say");
                }
                Err(error) => tracing::error!(?key, %error, "an item of the inbox is no audit entry"),
            }
        }
        waiting.sort_by_key(|waiting| waiting.entry.id);
        waiting.truncate(usize::from(limit));
        Ok(waiting)
    }

    /// The entries with these ids, which are in the inbox until they are in the log, in the same order.
    ///
    /// # Errors
    /// [`Error::Internal`] when one is not there: somebody else took it out.
    pub async fn in_inbox(&self, ids: &[AuditId]) -> Result<Vec<AuditEntry>> {
        let keys: Vec<Key> = ids.iter().copied().map(AuditEntry::key_of).collect();
        let batches = keys.chunks(READS_PER_BATCH).map(|keys| self.fetch_many(audit::TABLE, keys, true));
        let mut found = Vec::new();
        for item in try_join_all(batches).await?.into_iter().flatten() {
            found.push(entity::decode::<AuditEntry>(item)?.value);
        }
        if found.len() == ids.len() {
            Ok(found)
        } else {
            let missing = ids.len() - found.len();
            Err(Error::internal(
                "take entries in",
                format!("{missing} of them are not in the inbox any more"),
            ))
        }
    }

    /// Writes entries that the log has taken in, while the head is as it was read; again and again, for all it matters.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the rule `head_moved` when it is not: another sequencer has done this already.
    pub async fn file_entries(&self, head: &Stored<Head>, entries: &[LoggedEntry]) -> Result<()> {
        for entries in entries.chunks(ROWS_PER_TRANSACTION) {
            self.file_some(head, entries).await?;
        }
        Ok(())
    }

    async fn file_some(&self, head: &Stored<Head>, entries: &[LoggedEntry]) -> Result<()> {
        let table = self.table(TABLE)?;
        let built = |error| Error::internal("build a transaction", error);
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(Head::key().attributes()))
            .condition_expression("rev = :rev")
            .expression_attribute_values(":rev", number(head.rev))
            .build()
            .map_err(built)?;
        let mut items = vec![TransactWriteItem::builder().condition_check(check).build()];
        for entry in entries {
            let put = Put::builder().table_name(table).set_item(Some(entity::encode(entry, 1)?));
            items.push(TransactWriteItem::builder().put(put.build().map_err(built)?).build());
        }
        match self.settle(items).await? {
            None => Ok(()),
            Some(_) => Err(head_moved()),
        }
    }

    /// Takes entries out of the inbox that are in the log.
    pub async fn clear_inbox(&self, ids: &[AuditId]) -> Result<()> {
        for ids in ids.chunks(DELETES_PER_BATCH) {
            self.clear_some(ids).await?;
        }
        Ok(())
    }

    async fn clear_some(&self, ids: &[AuditId]) -> Result<()> {
        let table = self.table(audit::TABLE)?;
        let mut deletes = Vec::new();
        for id in ids {
            let key = AuditEntry::key_of(*id).attributes();
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(|error| Error::internal("build a batch", error))?;
            deletes.push(WriteRequest::builder().delete_request(delete).build());
        }
        for attempt in 0..ATTEMPTS {
            let request = self.client.batch_write_item().request_items(table, std::mem::take(&mut deletes));
            let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let answer = answer.map_err(|error| translate("clear the inbox", error))?;
            self.meter().write(answer.consumed_capacity());
            deletes = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
            if deletes.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        Err(Error::unavailable("clear the inbox", "the table kept leaving some"))
    }
}

/// Another sequencer has moved the head.
fn head_moved() -> Error {
    Error::conflict("head_moved", "another sequencer has moved the head of the log")
}
