//! What is in the audit log: its entries by who, what and to what; and its head, which one sequencer at a time may move.
//!
//! Only the sequencer writes here. It describes nothing of the domain that a [`Change`](crate::Change) has not
//! described, so it is written without one; every write is conditional on the head that it was decided on.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{
    ConditionCheck, DeleteRequest, Put, ReturnConsumedCapacity, TransactWriteItem, WriteRequest,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use kernel::{
    Error, Result, Timestamp,
    id::{AuditId, Id as _, TenantId, uuid_v7},
};
use serde::{Deserialize, Serialize};
use tlog::Hash;

use crate::{
    Entity, Index, Key, Query, Store, Stored, Table,
    audit::{self, AuditEntry, Erased, Opening, SHARDS},
    change::{ATTEMPTS, backoff, changed_meanwhile},
    entity::{self, Item, number},
    failure::translate,
};

/// Where the log's entries and its head are.
pub const TABLE: Table = Table("LEDGER_TABLE");

const BY_ACTOR: Index = Index("gsi1");
const BY_ACTION: Index = Index("gsi2");
const BY_TARGET: Index = Index("gsi3");

/// How many rows one transaction holds, beside its look at the head.
const ROWS_PER_TRANSACTION: usize = 99;

/// How many rows are read at once while a person is forgotten.
const ROWS_PER_READ: i32 = 500;

/// How many calls that cannot be in each other's way are under way at once.
const CONCURRENT: usize = 16;

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
    /// What is being taken in, or cleared out of the inbox.
    pub work: Option<Work>,
}

/// Entries on their way from the inbox into the log: those of the [`Batch`] that begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The place in the log of the first of them.
    pub first: u64,
    /// Whether they are in the log, so that only the inbox still has to let go of them.
    pub is_logged: bool,
}

/// Which entries are on their way, in the order of the log. An item beside the head, which is read far more often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The place in the log of the first of them.
    pub first: u64,
    /// Which.
    pub ids: Vec<AuditId>,
}

impl Batch {
    fn key() -> Key {
        Key::new("head", "batch")
    }
}

impl Entity for Batch {
    const KIND: &'static str = "batch";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key()
    }
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

/// A root of the log as it was exported on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The day in UTC, `YYYY-MM-DD`.
    pub date: String,
    /// How many entries the log had.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// The signed checkpoint, with the cosignatures of the witnesses.
    pub checkpoint: String,
    /// When it was exported.
    pub exported_at: Timestamp,
}

impl Root {
    /// Every exported root, oldest first.
    pub fn every() -> Query<Self> {
        Query::table("roots", "root#")
    }
}

impl Entity for Root {
    const KIND: &'static str = "root";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Key::new("roots", format!("root#{}", self.date))
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

    fn actor_partition(id: &str) -> String {
        format!("actor#{id}")
    }

    fn target_partition(id: &str) -> String {
        format!("target#{id}")
    }

    /// How the sort keys of a tenant's entries begin, where a partition holds those of several.
    fn within(tenant_id: TenantId) -> String {
        format!("tenant#{tenant_id}#")
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
        Query::index(BY_ACTOR, Self::actor_partition(id), Self::within(tenant_id) + "entry#")
    }

    /// What was done to a target in a tenant.
    pub fn by_target(tenant_id: TenantId, id: &str) -> Query<Self> {
        Query::index(BY_TARGET, Self::target_partition(id), Self::within(tenant_id) + "entry#")
    }

    /// What a principal has done anywhere.
    pub fn by_actor_anywhere(id: &str) -> Query<Self> {
        Query::index(BY_ACTOR, Self::actor_partition(id), "tenant#")
    }

    /// What was done to a target anywhere.
    pub fn by_target_anywhere(id: &str) -> Query<Self> {
        Query::index(BY_TARGET, Self::target_partition(id), "tenant#")
    }

    /// Where in a list the entries of a span of time lie, both ends included.
    pub fn span(since: Timestamp, until: Timestamp) -> (String, String) {
        let first = AuditId::from_uuid(uuid_v7(since, [0; 10]));
        let last = AuditId::from_uuid(uuid_v7(until, [0xff; 10]));
        (first.to_string(), last.to_string())
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
        let id = |opening: &Option<Opening>| opening.as_ref().map(|opening| opening.value.clone());
        let everywhere =
            |index, pk: String| (index, Key::new(pk, Self::within(entry.tenant_id) + &Self::sk(entry.id)));
        let actor = id(&openings.actor).map(|id| everywhere(BY_ACTOR, Self::actor_partition(&id)));
        let target = id(&openings.target).map(|id| everywhere(BY_TARGET, Self::target_partition(&id)));
        let action = (BY_ACTION, Key::new(Self::action_partition(entry.tenant_id, &entry.action), sk));
        actor.into_iter().chain(target).chain([action]).collect()
    }
}

impl Store {
    /// The log's head; `None` before the first entry.
    pub async fn log_head(&self) -> Result<Option<Stored<Head>>> {
        self.get_consistent(&Head::key()).await
    }

    /// Which entries are on their way. `None` when they are not any more: the head has moved.
    pub async fn batch(&self, work: Work) -> Result<Option<Vec<AuditId>>> {
        let batch = self.get_consistent::<Batch>(&Batch::key()).await?;
        Ok(batch.filter(|batch| batch.first == work.first).map(|batch| batch.value.ids))
    }

    /// Names the entries that are taken in next, if the head is still as it was read. `None` when another sequencer was
    /// faster.
    pub async fn take_entries(
        &self,
        ids: Vec<AuditId>,
        next: Head,
        old: Option<&Stored<Head>>,
    ) -> Result<Option<Stored<Head>>> {
        let rev = old.map_or(1, |old| old.rev + 1);
        let first = next.size;
        let head = Head { work: Some(Work { first, is_logged: false }), ..next };
        let table = self.table(TABLE)?;
        let put = Put::builder().table_name(table).set_item(Some(entity::encode(&head, rev)?));
        let put = match old {
            Some(old) => {
                put.condition_expression("rev = :rev").expression_attribute_values(":rev", number(old.rev))
            }
            None => put.condition_expression("attribute_not_exists(pk)"),
        };
        let batch = entity::encode(&Batch { first, ids }, 1)?;
        let batch = Put::builder().table_name(table).set_item(Some(batch));
        let mut items = Vec::new();
        for put in [put, batch] {
            items.push(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build());
        }
        Ok(self.settle(items).await?.is_none().then_some(Stored { value: head, rev }))
    }

    /// The root that was exported last.
    pub async fn last_root(&self) -> Result<Option<Root>> {
        let newest = self.first(&Root::every().newest_first().consistent(), 1).await?;
        newest.into_iter().next().map(|item| entity::decode(item).map(|root| root.value)).transpose()
    }

    /// Notes an exported root, unless the day has one.
    pub async fn note_root(&self, root: Root) -> Result<()> {
        self.put_if_unchanged(root, None).await.map(|_| ())
    }

    /// Moves the head, if it is still as it was read. `None` when another sequencer was faster.
    pub async fn move_head(&self, next: Head, old: Option<&Stored<Head>>) -> Result<Option<Stored<Head>>> {
        self.put_if_unchanged(next, old).await
    }

    /// About `limit` entries that wait in the inbox, oldest first: as many of each of its partitions, since ids spread
    /// evenly. What the log cannot take is reported and left: every function may put something there.
    pub async fn inbox(&self, limit: u16) -> Result<Vec<AuditEntry>> {
        let share = usize::from(limit.div_ceil(u16::from(SHARDS)));
        let shards = try_join_all((0..SHARDS).map(|shard| self.shard(shard, share))).await?;
        let mut waiting: Vec<AuditEntry> = shards.into_iter().flatten().collect();
        waiting.sort_by_key(|waiting| waiting.entry.id);
        Ok(waiting)
    }

    /// The first entries of one partition of the inbox that the log can take: what it cannot holds up none of them.
    async fn shard(&self, shard: u8, limit: usize) -> Result<Vec<AuditEntry>> {
        let query = Query::<AuditEntry>::table(AuditEntry::partition(shard), "audit#").consistent();
        let (mut found, mut start) = (Vec::new(), None);
        while found.len() < limit {
            let room = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let (items, last) = self.run(&query, room, start).await?;
            found.extend(items.into_iter().filter_map(admissible));
            start = last;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Those of some entries that a log of `size` does not have. What it has and somebody has put back into the inbox is
    /// reported, and taken out again. What is filed behind its end is another sequencer's, at this moment: it stays.
    pub async fn unlogged(&self, waiting: Vec<AuditEntry>, size: u64) -> Result<Vec<AuditEntry>> {
        let keys: Vec<Key> =
            waiting.iter().map(|audit| LoggedEntry::key_of(audit.entry.tenant_id, audit.entry.id)).collect();
        let batches = keys.chunks(READS_PER_BATCH).map(|keys| self.fetch_many(TABLE, keys, true));
        let mut logged = HashSet::new();
        for item in try_join_all(batches).await?.into_iter().flatten() {
            let row = entity::decode::<LoggedEntry>(item)?;
            if row.index < size {
                logged.insert(row.audit.entry.id);
            }
        }
        if !logged.is_empty() {
            tracing::error!(ids = ?logged, "entries of the log were put into the inbox again");
            self.clear_inbox(&logged.iter().copied().collect::<Vec<_>>()).await?;
        }
        Ok(waiting.into_iter().filter(|audit| !logged.contains(&audit.entry.id)).collect())
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
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(Head::key().attributes()))
            .condition_expression("rev = :rev")
            .expression_attribute_values(":rev", number(head.rev))
            .build()
            .map_err(unbuilt)?;
        let mut items = vec![TransactWriteItem::builder().condition_check(check).build()];
        for entry in entries {
            let put = Put::builder().table_name(table).set_item(Some(entity::encode(entry, 1)?));
            items.push(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build());
        }
        match self.settle(items).await? {
            None => Ok(()),
            Some(_) => Err(head_moved()),
        }
    }

    /// Forgets, in the entries that a query finds, what opens the commitments to a person; answers in how many.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else changed one of them meanwhile.
    pub async fn redact(&self, found: &Query<LoggedEntry>, person: &Erased) -> Result<usize> {
        let (mut redacted, mut start) = (0, None);
        loop {
            let (items, last) = self.run(found, ROWS_PER_READ, start).await?;
            let keys: Vec<Key> = items.iter().filter_map(Key::of).collect();
            let rows: Vec<_> = keys.iter().map(|key| self.forget(key, person)).collect();
            redacted += stream::iter(rows)
                .buffer_unordered(CONCURRENT)
                .try_fold(0, async |count, forgot| Ok(count + usize::from(forgot)))
                .await?;
            start = last;
            if start.is_none() {
                return Ok(redacted);
            }
        }
    }

    /// Forgets them in one row, as it is now: an index may tell of one that was changed since.
    async fn forget(&self, key: &Key, person: &Erased) -> Result<bool> {
        let Some(row) = self.get_consistent::<LoggedEntry>(key).await? else { return Ok(false) };
        let openings = row.audit.openings_without(person);
        if openings == row.audit.openings {
            return Ok(false);
        }
        let audit = AuditEntry { openings, ..row.audit.clone() };
        let next = LoggedEntry { audit, ..row.value.clone() };
        self.put_if_unchanged(next, Some(&row)).await?.map(|_| true).ok_or_else(changed_meanwhile)
    }

    /// Takes entries out of the inbox that are in the log.
    pub async fn clear_inbox(&self, ids: &[AuditId]) -> Result<()> {
        let batches: Vec<_> = ids.chunks(DELETES_PER_BATCH).map(|ids| self.clear_some(ids)).collect();
        stream::iter(batches).buffer_unordered(CONCURRENT).try_collect().await
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

/// The entry of an item of the inbox, if the log can take it.
fn admissible(item: Item) -> Option<AuditEntry> {
    let key = Key::of(&item);
    match entity::decode::<AuditEntry>(item).map(|entry| entry.value) {
        Ok(entry) if key.as_ref() == Some(&entry.key()) && entry.is_admissible() => return Some(entry),
        Ok(_) => tracing::error!(?key, "an item of the inbox is not what its key or its openings say"),
        Err(error) => tracing::error!(?key, %error, "an item of the inbox is no audit entry"),
    }
    None
}

fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::internal("build a transaction", error)
}

/// Another sequencer has moved the head.
fn head_moved() -> Error {
    Error::conflict("head_moved", "another sequencer has moved the head of the log")
}
