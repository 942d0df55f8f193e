//! [`Change`]: what is to be written, with its audit entry, its messages and its recorded answer, in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity, TransactWriteItem},
};
use kernel::{
    Error, Principal, Result, Timestamp,
    id::{AuditId, Id as _, MessageId, TenantId, uuid_v7},
};
use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::{
    Entity, Key, Store, Stored, Table,
    audit::{AuditEntry, Digests},
    entity::{self, Item, number},
    failure::translate,
    idempotency::{ClaimSlot, Reply},
    outbox::OutboxMessage,
    sealing::random,
};

/// On whose behalf a change is made, and in which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// The request's id.
    pub request_id: String,
    /// The client's address, or `unknown`.
    pub client: String,
    /// When.
    pub now: Timestamp,
    /// Holds the claim of the request's `Idempotency-Key`, if it has one.
    pub claim: ClaimSlot,
}

/// A set of writes that happen together or not at all.
#[derive(Debug)]
pub struct Change {
    action: &'static str,
    target: (&'static str, String),
    tenant_id: Option<TenantId>,
    writes: Vec<Write>,
    messages: Vec<(String, String)>,
    reply: Option<Reply>,
    before: Digest,
    after: Digest,
    fault: Option<Error>,
}

#[derive(Debug)]
struct Write {
    table: Table,
    operation: Operation,
    expect: Expect,
    on_mismatch: Error,
}

#[derive(Debug)]
enum Operation {
    Put(Item),
    Delete(Key),
    Check(Key),
}

/// What must be true of the item for the write to happen.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Anything,
    Absent,
    Present,
    Revision(u64),
}

/// How often a call is made that may have to wait for others.
pub(crate) const ATTEMPTS: u32 = 8;

impl Change {
    /// A change called `action` (`noun.verb`), done to `target_id` of kind `target_kind`.
    pub fn new(action: &'static str, target_kind: &'static str, target_id: impl std::fmt::Display) -> Self {
        Self {
            action,
            target: (target_kind, target_id.to_string()),
            tenant_id: None,
            writes: Vec::new(),
            messages: Vec::new(),
            reply: None,
            before: Digest::default(),
            after: Digest::default(),
            fault: None,
        }
    }

    /// Files the audit entry under a tenant other than the actor's.
    #[must_use]
    pub fn in_tenant(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = Some(tenant_id);
        self
    }

    /// Writes an entity that must not exist yet, else `on_exists`.
    #[must_use]
    pub fn create<T: Entity>(mut self, entity: &T, on_exists: Error) -> Self {
        self.after.add(entity);
        self.write_item(entity, 1, Expect::Absent, on_exists)
    }

    /// Replaces an entity by its next state, unless somebody else changed it since it was read.
    #[must_use]
    pub fn replace<T: Entity>(self, old: &Stored<T>, new: &T) -> Self {
        self.replace_or(old, new, changed_meanwhile())
    }

    /// The same with the error of the domain for the lost race.
    #[must_use]
    pub fn replace_or<T: Entity>(mut self, old: &Stored<T>, new: &T, on_race: Error) -> Self {
        self.before.add(&old.value);
        self.after.add(new);
        self.write_item(new, old.rev + 1, Expect::Revision(old.rev), on_race)
    }

    /// The same ahead of all other writes: of several conditions that do not hold, this one's error is the answer.
    #[must_use]
    pub fn replace_first<T: Entity>(self, old: &Stored<T>, new: &T, on_race: Error) -> Self {
        let mut change = self.replace_or(old, new, on_race);
        change.writes.rotate_right(usize::from(change.fault.is_none()));
        change
    }

    /// Writes an entity whatever was there: for items that only one value can ever be right for.
    #[must_use]
    pub fn put<T: Entity>(mut self, entity: &T) -> Self {
        self.after.add(entity);
        self.write_item(entity, 1, Expect::Anything, changed_meanwhile())
    }

    /// Deletes an entity, unless somebody else changed it since it was read.
    #[must_use]
    pub fn delete<T: Entity>(self, old: &Stored<T>) -> Self {
        self.delete_or(old, changed_meanwhile())
    }

    /// The same with another error for the lost race.
    #[must_use]
    pub fn delete_or<T: Entity>(mut self, old: &Stored<T>, on_race: Error) -> Self {
        self.before.add(&old.value);
        self.push(T::TABLE, Operation::Delete(old.key()), Expect::Revision(old.rev), on_race)
    }

    /// Deletes an item whether or not it exists.
    #[must_use]
    pub fn discard<T: Entity>(self, key: Key) -> Self {
        self.push(T::TABLE, Operation::Delete(key), Expect::Anything, changed_meanwhile())
    }

    /// Requires that an entity is still as it was read, without writing it.
    #[must_use]
    pub fn require<T: Entity>(self, read: &Stored<T>) -> Self {
        self.require_or(read, changed_meanwhile())
    }

    /// The same with the error of the domain for the lost race.
    #[must_use]
    pub fn require_or<T: Entity>(self, read: &Stored<T>, on_race: Error) -> Self {
        self.push(T::TABLE, Operation::Check(read.key()), Expect::Revision(read.rev), on_race)
    }

    /// Requires that an item exists, whatever it holds: it need not be read for that.
    #[must_use]
    pub fn require_exists<T: Entity>(self, key: Key, on_missing: Error) -> Self {
        self.push(T::TABLE, Operation::Check(key), Expect::Present, on_missing)
    }

    /// Sends a message with the change: it reaches the queue at least once, soon after the commit.
    #[must_use]
    pub fn enqueue(mut self, queue: &'static str, message: &impl Serialize) -> Self {
        match serde_json::to_string(message) {
            Ok(body) => self.messages.push((queue.to_owned(), body)),
            Err(error) => self.fault = Some(Error::internal("encode a message", error)),
        }
        self
    }

    /// The same with a message as it once was in the queue, whatever it says.
    #[must_use]
    pub fn enqueue_text(mut self, queue: &str, body: String) -> Self {
        self.messages.push((queue.to_owned(), body));
        self
    }

    /// Records the answer under the request's `Idempotency-Key`, in the same transaction.
    #[must_use]
    pub fn answering(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }

    fn write_item<T: Entity>(mut self, entity: &T, rev: u64, expect: Expect, on_mismatch: Error) -> Self {
        match entity::encode(entity, rev) {
            Ok(item) => self.push(T::TABLE, Operation::Put(item), expect, on_mismatch),
            Err(error) => {
                self.fault = Some(error);
                self
            }
        }
    }

    fn push(mut self, table: Table, operation: Operation, expect: Expect, on_mismatch: Error) -> Self {
        self.writes.push(Write { table, operation, expect, on_mismatch });
        self
    }

    /// Adds what goes along with every change: audit entry, messages, recorded answer.
    fn complete(mut self, actor: &Actor, store: &Store) -> Result<Vec<Write>> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let entry = AuditEntry::of(
            AuditId::from_uuid(uuid_v7(actor.now, random())),
            actor,
            self.tenant_id.unwrap_or(actor.principal.tenant_id),
            self.action,
            (self.target.0, &self.target.1),
            &Digests {
                before: std::mem::take(&mut self.before).finish(),
                after: std::mem::take(&mut self.after).finish(),
            },
        );
        for (queue, body) in std::mem::take(&mut self.messages) {
            let message = OutboxMessage {
                id: MessageId::from_uuid(uuid_v7(actor.now, random())),
                queue,
                request_id: actor.request_id.clone(),
                at: actor.now,
                body,
            };
            self = self.write_item(&message, 1, Expect::Absent, changed_meanwhile());
        }
        if let Some((claim, reply)) = actor.claim.peek().zip(self.reply.take()) {
            let record = claim.answered(&reply, &store.sealing_key)?;
            self = self.write_item(&record, claim.rev() + 1, Expect::Revision(claim.rev()), claim_lost());
        }
        let change = self.write_item(&entry, 1, Expect::Absent, changed_meanwhile());
        change.fault.map_or(Ok(change.writes), Err)
    }
}

/// How many items one change of [`Store::discard_all`] deletes. A transaction holds a hundred writes.
const DISCARDS: usize = 50;

impl Store {
    /// Deletes items, whether or not they exist, in as many changes as that takes; `change` begins each of them.
    ///
    /// # Errors
    /// As [`commit`](Self::commit). What was deleted before stays deleted.
    pub async fn discard_all<T: Entity>(
        &self,
        actor: &Actor,
        keys: impl IntoIterator<Item = Key>,
        change: impl Fn() -> Change,
    ) -> Result<()> {
        let keys: Vec<Key> = keys.into_iter().collect();
        for keys in keys.chunks(DISCARDS) {
            self.commit(actor, keys.iter().cloned().fold(change(), Change::discard::<T>)).await?;
        }
        Ok(())
    }

    /// Carries out a change: all of it or nothing.
    ///
    /// # Errors
    /// The error given with the first write whose condition did not hold; [`Error::Unavailable`] when the
    /// transaction keeps colliding with others or the database does not answer.
    pub async fn commit(&self, actor: &Actor, change: Change) -> Result<()> {
        let mut writes = change.complete(actor, self)?;
        let items = writes.iter().map(|write| self.transact_item(write)).collect::<Result<Vec<_>>>()?;
        match self.settle(items).await? {
            None => {
                actor.claim.settle();
                Ok(())
            }
            Some(failed) => Err(writes.swap_remove(failed).on_mismatch),
        }
    }

    /// Sends a transaction, anew while it collides with others. Answers which condition was the first not to hold;
    /// nothing is written then.
    pub(crate) async fn settle(&self, items: Vec<TransactWriteItem>) -> Result<Option<usize>> {
        for attempt in 0..ATTEMPTS {
            let Err(error) = self.transact(items.clone()).await else {
                return Ok(None);
            };
            let reasons = cancellation_reasons(&error);
            if let Some(failed) = reasons.iter().position(|reason| code(reason) == "ConditionalCheckFailed") {
                return Ok(Some(failed));
            }
            if !reasons.iter().any(|reason| code(reason) == "TransactionConflict") {
                return Err(translate("commit a change", error));
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        Err(Error::unavailable("commit a change", "it kept colliding with others"))
    }

    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<(), SdkError<TransactWriteItemsError>> {
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        self.meter().write(answer.consumed_capacity());
        Ok(())
    }

    fn transact_item(&self, write: &Write) -> Result<TransactWriteItem> {
        let table = self.table(write.table)?;
        let (condition, revision) = match write.expect {
            Expect::Anything => (None, None),
            Expect::Absent => (Some("attribute_not_exists(pk)".to_owned()), None),
            Expect::Present => (Some("attribute_exists(pk)".to_owned()), None),
            Expect::Revision(rev) => (Some("rev = :rev".to_owned()), Some((":rev".to_owned(), number(rev)))),
        };
        let values = revision.map(|revision| std::collections::HashMap::from([revision]));
        let item = TransactWriteItem::builder();
        let item = match &write.operation {
            Operation::Put(attributes) => Put::builder()
                .table_name(table)
                .set_item(Some(attributes.clone()))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map(|put| item.put(put)),
            Operation::Delete(key) => Delete::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map(|delete| item.delete(delete)),
            Operation::Check(key) => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map(|check| item.condition_check(check)),
        };
        Ok(item.map_err(|error| Error::internal("build a transaction", error))?.build())
    }
}

fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    }
}

fn code(reason: &CancellationReason) -> &str {
    reason.code().unwrap_or_default()
}

/// Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter") up to 10 ms doubled per attempt.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let [random] = random();
    Duration::from_millis(u64::from(random) * (10 << attempt) / 256)
}

/// A change lost the race against another one.
pub fn changed_meanwhile() -> Error {
    Error::conflict(
        "changed_meanwhile",
        "it was changed by somebody else at the same time; read it and try again",
    )
}

fn claim_lost() -> Error {
    Error::InProgress { retry_after: Duration::from_secs(1) }
}

/// SHA-256 over the JSON of entities.
#[derive(Debug, Default)]
struct Digest(Option<Hasher>);

struct Hasher(Context);

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl Digest {
    fn add(&mut self, entity: &impl Serialize) {
        let hasher = self.0.get_or_insert_with(|| Hasher(Context::new(&SHA256)));
        // An entity that is no JSON is found by `encode`, which runs on the same value.
        hasher.0.update(&serde_json::to_vec(entity).unwrap_or_default());
    }

    fn finish(self) -> Option<[u8; 32]> {
        let digest = self.0?.0.finish();
        digest.as_ref().try_into().ok()
    }
}
