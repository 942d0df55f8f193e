//! Queries: one partition of a table or index, in the order of its sort key. There is no scan.

use std::marker::PhantomData;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::ReturnConsumedCapacity};
use kernel::{Limit, Page, Result, Sort};
use serde::Serialize;

use crate::{
    Entity, Index, Store, Stored,
    entity::{self, Item, text},
    failure::translate,
};

/// What an attribute must be for its item to be in the list.
#[derive(Clone, Debug)]
struct Filter {
    attribute: &'static str,
    value: String,
}

/// How many reads a page takes at most while a filter leaves it short.
const READS_MAX: usize = 8;

/// Entities of one kind in one partition.
#[derive(Clone, Debug)]
pub struct Query<T> {
    index: Option<Index>,
    pk: String,
    sk_prefix: String,
    after: Option<String>,
    span: Option<(String, String)>,
    is_newest_first: bool,
    is_consistent: bool,
    filters: Vec<Filter>,
    narrowing: Option<String>,
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
            span: None,
            is_newest_first: false,
            is_consistent: false,
            filters: Vec::new(),
            narrowing: None,
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

    /// Only what lies between two ends of the sort key, behind its prefix; both included.
    #[must_use]
    pub fn between(mut self, (first, last): (String, String)) -> Self {
        self.span = Some((format!("{}{first}", self.sk_prefix), format!("{}{last}", self.sk_prefix)));
        self
    }

    /// From the end of the order: keys that start with a `UUIDv7` come newest first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.is_newest_first = true;
        self
    }

    /// In this order instead of its own.
    #[must_use]
    pub fn sorted(self, sort: Sort) -> Self {
        Self { is_newest_first: sort == Sort::CreatedDescending, ..self }
    }

    /// Only the entities whose field `attribute` is this; `a.b` is the field `b` of the field `a`. The rest is read and left
    /// out, so a page may hold fewer than its limit though the list goes on.
    #[must_use]
    pub fn only(mut self, attribute: &'static str, value: &impl Serialize) -> Self {
        // As the field is stored; what is no text equals no field of ours.
        let value = serde_json::to_value(value).unwrap_or_default();
        let value = value.as_str().unwrap_or_default().to_owned();
        self.filters.push(Filter { attribute, value });
        self
    }

    /// Binds cursors to what the caller leaves out of the pages that it reads.
    #[must_use]
    pub fn narrowed(mut self, to: impl std::fmt::Debug) -> Self {
        self.narrowing = Some(format!("{to:?}"));
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
        let span = self.span.iter().map(|(first, last)| format!("{first}..{last}"));
        let filters = self.filters.iter().map(|filter| format!("{}={}", filter.attribute, filter.value));
        let rest = span.chain(filters).chain(self.narrowing.clone());
        let rest = rest.fold(String::new(), |rest, narrowing| rest + "|" + &narrowing);
        format!("{}|{index}|{}|{}|{}{rest}", T::KIND, self.pk, self.sk_prefix, self.is_newest_first)
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
        let limit = usize::from(limit.get());
        let mut start = cursor.map(|cursor| self.sealing_key.open_cursor(cursor, &binding)).transpose()?;
        let mut items = Vec::new();
        for _ in 0..READS_MAX {
            // One more than there is room for: whether another page follows shows before this one ends.
            let room = i32::try_from(limit + 1 - items.len()).unwrap_or(i32::MAX);
            let (read, last) = self.run(query, room, start).await?;
            items.extend(read);
            start = last;
            if start.is_none() || items.len() > limit {
                break;
            }
        }
        if items.len() > limit {
            items.truncate(limit);
            start = items.last().map(|last| query.position(last));
        }
        let items = items
            .into_iter()
            .map(|item| entity::decode(item).map(|stored| stored.value))
            .collect::<Result<_>>()?;
        let next_cursor = start.map(|last| self.sealing_key.seal_cursor(&last, &binding)).transpose()?;
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

    /// The first items of a query, at most `limit`.
    pub(crate) async fn first<T: Entity>(&self, query: &Query<T>, limit: usize) -> Result<Vec<Item>> {
        let mut found = Vec::new();
        let mut start = None;
        while found.len() < limit {
            let room = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let (items, last) = self.run(query, room, start).await?;
            found.extend(items);
            if last.is_none() {
                break;
            }
            start = last;
        }
        Ok(found)
    }

    pub(crate) async fn run<T: Entity>(
        &self,
        query: &Query<T>,
        limit: i32,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        let name = query.index.map_or("", |index| index.0);
        let (condition, bound) = match (&query.after, &query.span) {
            (Some(after), _) => ("#pk = :pk AND #sk > :sk", after),
            (None, Some((first, _))) => ("#pk = :pk AND #sk BETWEEN :sk AND :end", first),
            (None, None) if query.sk_prefix.is_empty() => ("#pk = :pk", &query.sk_prefix),
            (None, None) => ("#pk = :pk AND begins_with(#sk, :sk)", &query.sk_prefix),
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
        if let Some((_, last)) = query.span.as_ref().filter(|_| condition.contains(":end")) {
            request = request.expression_attribute_values(":end", text(last));
        }
        request = filtered(request, &query.filters);
        if query.is_consistent {
            request = request.consistent_read(true);
        }
        let answer = request.send().await.map_err(|error| translate("query items", error))?;
        self.meter().read(answer.consumed_capacity());
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

/// The request with the condition that every filter holds.
fn filtered(mut request: QueryFluentBuilder, filters: &[Filter]) -> QueryFluentBuilder {
    let mut conditions = Vec::new();
    for (i, Filter { attribute, value }) in filters.iter().enumerate() {
        let mut path = Vec::new();
        for (depth, field) in attribute.split('.').enumerate() {
            let name = format!("#filter{i}_{depth}");
            request = request.expression_attribute_names(&name, field);
            path.push(name);
        }
        conditions.push(format!("{} = :filter{i}", path.join(".")));
        request = request.expression_attribute_values(format!(":filter{i}"), text(value));
    }
    if conditions.is_empty() { request } else { request.filter_expression(conditions.join(" AND ")) }
}
