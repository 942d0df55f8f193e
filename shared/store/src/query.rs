//! Queries: one partition of a table or index, in the order of its sort key. There is no scan.

use std::marker::PhantomData;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use kernel::{Limit, Page, Result};

use crate::{
    Entity, Index, Store, Stored,
    entity::{self, Item, text},
    failure::translate,
};

/// Entities of one kind in one partition.
#[derive(Clone, Debug)]
pub struct Query<T> {
    index: Option<Index>,
    pk: String,
    sk_prefix: String,
    after: Option<String>,
    is_newest_first: bool,
    is_consistent: bool,
    kind: PhantomData<T>,
}

impl<T: Entity> Query<T> {
    /// The entities whose key lies in partition `pk` and starts with `sk_prefix`.
    pub fn table(pk: impl Into<String>, sk_prefix: impl Into<String>) -> Self {
        Self {
            index: None,
            pk: pk.into(),
            sk_prefix: sk_prefix.into(),
            after: None,
            is_newest_first: false,
            is_consistent: false,
            kind: PhantomData,
        }
    }

    /// The same in an index.
    pub fn index(index: Index, pk: impl Into<String>, sk_prefix: impl Into<String>) -> Self {
        Self { index: Some(index), ..Self::table(pk, sk_prefix) }
    }

    /// Only what sorts after this sort key. Replaces the prefix.
    #[must_use]
    pub fn after(mut self, sk: impl Into<String>) -> Self {
        self.after = Some(sk.into());
        self
    }

    /// From the end of the order: keys that start with a `UUIDv7` come newest first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.is_newest_first = true;
        self
    }

    /// As of all writes acknowledged before. Not for indexes, which are always eventually consistent.
    #[must_use]
    pub fn consistent(mut self) -> Self {
        self.is_consistent = true;
        self
    }

    /// Where an item stands in the order: its key, and that in the index.
    fn position(&self, item: &Item) -> Item {
        let index = self.index.map(|Index(name)| [format!("{name}pk"), format!("{name}sk")]);
        let names = ["pk".to_owned(), "sk".to_owned()].into_iter().chain(index.into_iter().flatten());
        names.filter_map(|name| Some((name.clone(), item.get(&name)?.clone()))).collect()
    }

    /// What a cursor of this query is bound to.
    fn binding(&self) -> String {
        let index = self.index.map_or("", |index| index.0);
        format!("{}|{index}|{}|{}|{}", T::KIND, self.pk, self.sk_prefix, self.is_newest_first)
    }
}

impl Store {
    /// One page of a query, from its start or from where `cursor` says.
    ///
    /// # Errors
    /// [`kernel::Error::Invalid`] for a cursor of another query.
    pub async fn page<T: Entity>(
        &self,
        query: &Query<T>,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<T>> {
        let binding = query.binding();
        let start = cursor.map(|cursor| self.sealing_key.open_cursor(cursor, &binding)).transpose()?;
        // One more than asked for: whether there is another page shows before the page ends.
        let (mut items, cut_at) = self.run(query, i32::from(limit.get()) + 1, start).await?;
        let last = if items.len() > usize::from(limit.get()) {
            items.truncate(limit.get().into());
            items.last().map(|last| query.position(last))
        } else {
            // A mebibyte of items is answered in parts.
            cut_at
        };
        let items = items
            .into_iter()
            .map(|item| entity::decode(item).map(|stored| stored.value))
            .collect::<Result<_>>()?;
        let next_cursor = last.map(|last| self.sealing_key.seal_cursor(&last, &binding)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    /// Every entity of a query: for partitions that are small by design.
    pub async fn all<T: Entity>(&self, query: &Query<T>) -> Result<Vec<Stored<T>>> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let (items, last) = self.run(query, 1000, start).await?;
            for item in items {
                found.push(entity::decode(item)?);
            }
            if last.is_none() {
                return Ok(found);
            }
            start = last;
        }
    }

    pub(crate) async fn run<T: Entity>(
        &self,
        query: &Query<T>,
        limit: i32,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        let name = query.index.map_or("", |index| index.0);
        let (condition, bound) = match &query.after {
            Some(after) => ("#pk = :pk AND #sk > :sk", after),
            None if query.sk_prefix.is_empty() => ("#pk = :pk", &query.sk_prefix),
            None => ("#pk = :pk AND begins_with(#sk, :sk)", &query.sk_prefix),
        };
        let mut request = self
            .client
            .query()
            .table_name(self.table(T::TABLE)?)
            .set_index_name(query.index.map(|index| index.0.to_owned()))
            .key_condition_expression(condition)
            .expression_attribute_names("#pk", format!("{name}pk"))
            .expression_attribute_values(":pk", text(&query.pk))
            .scan_index_forward(!query.is_newest_first)
            .limit(limit)
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if condition.contains(":sk") {
            request = request
                .expression_attribute_names("#sk", format!("{name}sk"))
                .expression_attribute_values(":sk", text(bound));
        }
        if query.is_consistent {
            request = request.consistent_read(true);
        }
        let answer = request.send().await.map_err(|error| translate("query items", error))?;
        self.meter().read(answer.consumed_capacity());
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}
