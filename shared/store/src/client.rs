//! The store itself: reads are public, writes go through [`commit`](Store::commit).

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    types::{KeysAndAttributes, ReturnConsumedCapacity},
};
use kernel::{Error, Page, Result};

use crate::{
    Entity, Key, Meter, SealingKey, Stored, Table,
    change::{ATTEMPTS, backoff},
    entity::{self, Item},
    failure::translate,
};

/// How long one attempt may take. An answer that is slower than this seldom comes at all.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// The tables of one function, and how to reach them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) sealing_key: SealingKey,
    tables: Arc<HashMap<Table, String>>,
    meter: Meter,
}

impl Store {
    /// A store that calls through `config`, with the physical name of each table it may use.
    pub fn new(
        config: &aws_types::SdkConfig,
        tables: HashMap<Table, String>,
        sealing_key: SealingKey,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let client = Client::from_conf(Builder::from(config).timeout_config(timeouts).build());
        Self { client, sealing_key, tables: Arc::new(tables), meter: Meter::default() }
    }

    /// The same, with what cursors and recorded answers are sealed with: making the client takes longer than reading
    /// the key, so the two can be done at once.
    #[must_use]
    pub fn with_sealing_key(self, sealing_key: SealingKey) -> Self {
        Self { sealing_key, ..self }
    }

    /// What its calls have consumed.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The physical name of a table.
    pub(crate) fn table(&self, table: Table) -> Result<&str> {
        self.tables.get(&table).map(String::as_str).ok_or_else(|| {
            Error::internal("find a table", format!("{} is not configured for this function", table.0))
        })
    }

    /// Whether the table answers: one read of a key that does not exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn ping(&self, table: Table) -> Result<()> {
        self.fetch(table, &Key::new("ping", "ping"), false).await.map(|_| ())
    }

    /// Reads one entity, eventually consistent: 0.5 RCU per 4 KiB.
    pub async fn get<T: Entity>(&self, key: &Key) -> Result<Option<Stored<T>>> {
        self.fetch(T::TABLE, key, false).await?.map(entity::decode).transpose()
    }

    /// Reads one entity as of all writes acknowledged before: 1 RCU per 4 KiB. What a change is decided on is read
    /// like this.
    pub async fn get_consistent<T: Entity>(&self, key: &Key) -> Result<Option<Stored<T>>> {
        self.fetch(T::TABLE, key, true).await?.map(entity::decode).transpose()
    }

    /// Each item of a page with the entity whose key it tells; items whose entity does not exist are left out.
    ///
    /// # Errors
    /// As [`get_many`](Self::get_many).
    pub async fn join<T, U: Entity>(
        &self,
        page: Page<T>,
        key: impl Fn(&T) -> Key,
    ) -> Result<Page<(T, Stored<U>)>> {
        let keys: Vec<Key> = page.items.iter().map(&key).collect();
        let found = self.get_many::<U>(&keys).await?;
        let mut found: HashMap<Key, Stored<U>> =
            found.into_iter().map(|entity| (entity.key(), entity)).collect();
        let pair = |(item, key)| Some((item, found.remove(&key)?));
        Ok(Page {
            items: page.items.into_iter().zip(keys).filter_map(pair).collect(),
            next_cursor: page.next_cursor,
        })
    }

    /// Reads up to 100 entities of one table; those that do not exist are left out, the order is that of `keys`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the table keeps leaving some unread: it is asked too much.
    pub async fn get_many<T: Entity>(&self, keys: &[Key]) -> Result<Vec<Stored<T>>> {
        self.fetch_many(T::TABLE, keys, false).await?.into_iter().map(entity::decode).collect()
    }

    /// Reads up to 100 items of one table; those that do not exist are left out, the order is that of `keys`.
    pub(crate) async fn fetch_many(
        &self,
        table: Table,
        keys: &[Key],
        is_consistent: bool,
    ) -> Result<Vec<Item>> {
        let table = self.table(table)?;
        let mut wanted: Vec<Item> = keys.iter().map(Key::attributes).collect();
        let mut found: HashMap<Key, Item> = HashMap::new();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        for attempt in 0..ATTEMPTS {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut wanted)))
                .consistent_read(is_consistent)
                .build();
            let request = request.map_err(|error| Error::internal("build a batch read", error))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(table, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| translate("read items", error))?;
            self.meter.read(answer.consumed_capacity());
            for item in answer.responses.unwrap_or_default().remove(table).unwrap_or_default() {
                let key = Key::of(&item)
                    .ok_or_else(|| Error::internal("read items", "one came without its key"))?;
                found.insert(key, item);
            }
            let rest = answer.unprocessed_keys.unwrap_or_default().remove(table);
            wanted = rest.map(|rest| rest.keys).unwrap_or_default();
            if wanted.is_empty() {
                return Ok(keys.iter().filter_map(|key| found.remove(key)).collect());
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        Err(Error::unavailable("read items", "the table kept leaving some unread"))
    }

    pub(crate) async fn fetch(&self, table: Table, key: &Key, is_consistent: bool) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table(table)?)
            .set_key(Some(key.attributes()))
            .consistent_read(is_consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| translate("read an item", error))?;
        self.meter.read(answer.consumed_capacity());
        Ok(answer.item)
    }
}
