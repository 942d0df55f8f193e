//! How often subjects have asked: one item each in the ephemeral table, and one conditional update per decision.
//!
//! GCRA's next instant is `max(tat, now) + interval`. An update expression knows no `max`, so there are two updates,
//! each with the condition that it is the right one: for a subject whose instant is past, and for one whose is to come.
//! Which of them is tried first is told by what the process knows of the subject; the other follows only when that
//! was wrong, which a refused condition says together with the item.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use kernel::{
    Error, Result, Timestamp,
    limit::{Rate, Tat},
};

use crate::{
    Key, Store, TTL,
    entity::{Item, number, text},
    ephemeral,
    failure::translate,
};

const KIND: &str = "limit";

/// How often a decision is made anew because others changed the item meanwhile.
const TRIES: u32 = 20;

/// For how many hours the requests of a counted subject are kept: so many fit into one write unit.
pub const HOURS_KEPT: i64 = 72;

const SECONDS_PER_HOUR: i64 = 3600;

/// Who is limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Its name, like `user#<id>`; a client's address only as a pseudonym.
    pub name: String,
    /// Whether its requests are counted by hour.
    pub is_counted: bool,
}

/// What is known of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Its theoretical arrival time.
    pub tat: Tat,
    /// How often it was held back longer than the rate alone would.
    pub strikes: u32,
    /// The TAT that the last strike gave it: while it is the same, there was no request since.
    pub struck: Option<Tat>,
    /// When it last asked, of a counted subject.
    pub used_at: Option<Timestamp>,
    /// Accepted requests by hour since the Unix epoch, of a counted subject.
    pub hours: BTreeMap<i64, u64>,
}

/// A decision, with what is known after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request counts.
    Accepted(Allowance),
    /// It has to wait for the TAT.
    Refused(Allowance),
}

impl Allowance {
    fn of(item: &Item) -> Option<Self> {
        let micros = |name: &str| read_number::<i64>(item, name).map(Tat::from_micros);
        let hours = item.keys().filter_map(|name| {
            let hour = name.strip_prefix(HOUR)?.parse().ok()?;
            Some((hour, read_number(item, name)?))
        });
        Some(Self {
            tat: micros("tat")?,
            strikes: read_number(item, "strikes").unwrap_or(0),
            struck: micros("struck"),
            used_at: read_number(item, "used_at").map(Timestamp::from_millis),
            hours: hours.collect(),
        })
    }
}

/// Attributes that count an hour's requests are called so, with the hour behind.
const HOUR: &str = "h";

fn hour_of(now: Timestamp) -> i64 {
    now.seconds().div_euclid(SECONDS_PER_HOUR)
}

fn read_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn key(subject: &Subject) -> Key {
    Key::new(format!("{KIND}#{}", subject.name), KIND)
}

impl Store {
    /// Decides on one request of a subject, exactly, however many ask at once: one conditional update if what is
    /// `known` is still so, one more if not.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the table does not answer.
    pub async fn take(
        &self,
        subject: &Subject,
        rate: Rate,
        now: Timestamp,
        known: Option<&Allowance>,
    ) -> Result<Decision> {
        let mut known = known.cloned();
        for _ in 0..TRIES {
            let update = Update::new(subject, rate, now, known.as_ref());
            match self.update_limit(subject, update).await? {
                Ok(next) => return Ok(Decision::Accepted(next)),
                Err(Some(old)) if old.tat.wait(rate, now).is_some() => return Ok(Decision::Refused(old)),
                Err(old) => known = old,
            }
        }
        Err(Error::unavailable("decide on a limit", "others kept changing the item"))
    }

    /// Lets a subject wait longer than its rate asks for, unless its item has changed since it was `refused`.
    /// Answers what is then known of it.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn strike(
        &self,
        subject: &Subject,
        refused: Allowance,
        next: Tat,
        now: Timestamp,
    ) -> Result<Allowance> {
        let mut update = Update::default();
        update.set("tat", number(next.micros()));
        update.set("struck", number(next.micros()));
        update.set("strikes", number(refused.strikes + 1));
        update.set(TTL, number(expiry(next, now)));
        update.condition = "#tat = :old";
        update.values.insert(":old".to_owned(), number(refused.tat.micros()));
        Ok(self.update_limit(subject, update).await?.unwrap_or_else(|old| old.unwrap_or(refused)))
    }

    /// Carries what a subject has used over to another rate: it neither waits for what the old one would have cost, nor
    /// begins anew.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn change_rate(&self, subject: &Subject, from: Rate, to: Rate, now: Timestamp) -> Result<()> {
        let item = self.fetch(ephemeral::TABLE, &key(subject), true).await?;
        let mut known = item.as_ref().and_then(Allowance::of);
        for _ in 0..TRIES {
            let Some(old) = known else { return Ok(()) };
            let next = old.tat.carried_over(from, to, now);
            let mut update = Update::default();
            update.set("tat", number(next.micros()));
            update.set(TTL, number(expiry(next, now)));
            update.condition = "#tat = :old";
            update.values.insert(":old".to_owned(), number(old.tat.micros()));
            match self.update_limit(subject, update).await? {
                Ok(_) => return Ok(()),
                Err(now) => known = now,
            }
        }
        Err(Error::unavailable("change a rate", "others kept changing the item"))
    }

    /// What is known of a subject; `None` when it has not asked for long.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn allowance(&self, subject: &Subject) -> Result<Option<Allowance>> {
        let item = self.fetch(ephemeral::TABLE, &key(subject), false).await?;
        Ok(item.as_ref().and_then(Allowance::of))
    }

    /// What is known of up to 100 subjects, in their order.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn allowances(&self, subjects: &[Subject]) -> Result<Vec<Option<Allowance>>> {
        let keys: Vec<Key> = subjects.iter().map(key).collect();
        let items = self.fetch_many(ephemeral::TABLE, &keys, false).await?;
        let mut known: HashMap<Key, Allowance> =
            items.iter().filter_map(|item| Some((Key::of(item)?, Allowance::of(item)?))).collect();
        Ok(keys.iter().map(|key| known.remove(key)).collect())
    }

    /// The item after the update, or as it is when the condition did not hold.
    async fn update_limit(
        &self,
        subject: &Subject,
        update: Update,
    ) -> Result<std::result::Result<Allowance, Option<Allowance>>> {
        let request = self
            .client
            .update_item()
            .table_name(self.table(ephemeral::TABLE)?)
            .set_key(Some(key(subject).attributes()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match update.onto(request).send().await {
            Ok(answer) => self.updated(&answer).map(Ok),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    // A write that is refused costs as much as one that is not, and its answer does not say so
                    // (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate>).
                    self.meter().refused_write();
                    Ok(Err(failed.item.as_ref().and_then(Allowance::of)))
                }
                _ => Err(translate("decide on a limit", error)),
            },
        }
    }

    fn updated(&self, answer: &UpdateItemOutput) -> Result<Allowance> {
        self.meter().write(answer.consumed_capacity());
        let next = answer.attributes().and_then(Allowance::of);
        next.ok_or_else(|| Error::internal("decide on a limit", "the update answered without the item"))
    }
}

/// An update expression under construction.
#[derive(Default)]
struct Update {
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    condition: &'static str,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// Counts one request.
    fn new(subject: &Subject, rate: Rate, now: Timestamp, known: Option<&Allowance>) -> Self {
        let mut update = Self::default();
        let (whole, latest) = (Tat::whole(now), Tat::latest(rate, now));
        update.values.insert(":now".to_owned(), number(whole.micros()));
        if known.is_some_and(|known| known.tat > whole) {
            update.sets.push("#tat = #tat + :interval".to_owned());
            update.names.insert("#tat".to_owned(), "tat".to_owned());
            update.values.insert(":interval".to_owned(), number(rate.interval()));
            update.values.insert(":latest".to_owned(), number(latest.micros()));
            update.condition = "#tat > :now AND #tat <= :latest";
        } else {
            update.set("tat", number(whole.after_one(rate).micros()));
            update.condition = "attribute_not_exists(#tat) OR #tat <= :now";
            // Whoever paused until its allowance was whole begins anew.
            update.remove("strikes");
            update.remove("struck");
        }
        update.set("kind", text(KIND));
        update.set("v", number(1));
        update.set(TTL, number(expiry(latest.after_one(rate), now)));
        if subject.is_counted {
            update.count(now, known);
        }
        update
    }

    /// Counts the request in its hour, and forgets hours that are long past.
    fn count(&mut self, now: Timestamp, known: Option<&Allowance>) {
        let hour = hour_of(now);
        self.set("used_at", number(now.millis()));
        self.names.insert("#hour".to_owned(), format!("{HOUR}{hour}"));
        self.values.insert(":one".to_owned(), number(1));
        self.adds.push("#hour :one".to_owned());
        let known = known.into_iter().flat_map(|known| known.hours.keys().copied());
        for old in known.filter(|old| *old <= hour - HOURS_KEPT) {
            self.remove(&format!("{HOUR}{old}"));
        }
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        self.sets.push(format!("#{name} = :{name}"));
        self.names.insert(format!("#{name}"), name.to_owned());
        self.values.insert(format!(":{name}"), value);
    }

    fn remove(&mut self, name: &str) {
        self.removes.push(format!("#{name}"));
        self.names.insert(format!("#{name}"), name.to_owned());
    }

    fn onto(self, request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let clauses = [("SET", self.sets), ("ADD", self.adds), ("REMOVE", self.removes)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        let clauses: Vec<String> =
            clauses.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect();
        request
            .update_expression(clauses.join(" "))
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
    }
}

/// When nothing of the item matters any more, in seconds since the Unix epoch.
fn expiry(tat: Tat, now: Timestamp) -> i64 {
    let kept = now.seconds() + HOURS_KEPT * SECONDS_PER_HOUR;
    kept.max(tat.instant().seconds() + 1)
}
