//! Receiving: visibility, redrive to the dead-letter queue, long polls.

use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::batch::seconds;
use super::queue::settings;
use super::{Answer, Settings, Sqs, invalid, md5_of, no_queue, queue_name};
use crate::clock::Clock;
use crate::template::names;
use crate::wire::Fault;

/// The longest a poll sleeps before it looks again: time may have been moved by hand.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

struct Wish {
    messages_max: u32,
    visibility_seconds: u32,
    wait: Duration,
}

impl Sqs {
    pub(super) async fn receive(&self, input: &Value) -> Answer {
        let name = queue_name(input)?;
        let wish = {
            let queue = settings(&self.db.lock(), name)?.ok_or_else(no_queue)?;
            wish(input, &queue)?
        };
        let deadline = Clock::tick() + wish.wait;
        loop {
            // Registered before looking: a message that arrives in between still rings.
            let arrived = self.arrived.notified();
            let messages = self.take(name, &wish, input)?;
            let now = Clock::tick();
            if !messages.is_empty() {
                return Ok(json!({ "Messages": messages }));
            }
            if now >= deadline {
                return Ok(json!({}));
            }
            let pause = LOOK_AGAIN.min(deadline - now);
            // Whichever comes first: both mean "look again".
            let _ = tokio::time::timeout(pause, arrived).await;
        }
    }

    fn take(&self, name: &str, wish: &Wish, input: &Value) -> Result<Vec<Value>, Fault> {
        let now = self.clock.now_ms();
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let queue = settings(&transaction, name)?.ok_or_else(no_queue)?;
        let expired = now - i64::from(queue.retention_seconds()) * 1000;
        transaction
            .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_ms < ?2")?
            .execute(params![name, expired])?;
        bury(&transaction, &queue, now)?;
        let visible = now + i64::from(wish.visibility_seconds) * 1000;
        let rows = pick(&transaction, name, now, wish.messages_max)?;
        let mut messages = Vec::with_capacity(rows.len());
        for mut row in rows {
            let receipt = format!("{}#{}", row.id, uuid::Uuid::new_v4());
            row.receives += 1;
            row.first_received_ms.get_or_insert(now);
            transaction
                .prepare_cached(
                    "UPDATE messages SET visible_ms = ?2, receives = ?3, first_received_ms = ?4, receipt = ?5 WHERE seq = ?1",
                )?
                .execute(params![row.seq, visible, row.receives, row.first_received_ms, receipt])?;
            messages.push(row.message(&receipt, input));
        }
        transaction.commit()?;
        Ok(messages)
    }
}

/// Moves what has been received too often to the dead-letter queue, where its count begins anew.
fn bury(connection: &Connection, queue: &Settings, now: i64) -> Result<(), Fault> {
    let Some((target, receives_max)) = queue.redrive() else {
        return Ok(());
    };
    if settings(connection, &target)?.is_none() {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE messages SET queue = ?3, dead_from = ?1, receives = 0, receipt = NULL, first_received_ms = NULL,
                visible_ms = ?4
             WHERE queue = ?1 AND visible_ms <= ?4 AND receives >= ?2",
        )?
        .execute(params![queue.name, receives_max, target, now])?;
    Ok(())
}

struct Row {
    seq: i64,
    id: String,
    body: String,
    attributes: String,
    sent_ms: i64,
    receives: i64,
    first_received_ms: Option<i64>,
    dead_from: Option<String>,
    group: Option<String>,
}

/// Which messages come next. Where they are of groups, those of who has the fewest under way come first: in SQS's words,
/// the queue is fair, and those of a noisy neighbour wait ("Amazon SQS fair queues", SQS Developer Guide).
fn pick(connection: &Connection, queue: &str, now: i64, limit: u32) -> Result<Vec<Row>, Fault> {
    let mut groups = visible_groups(connection, queue, now)?;
    if groups.len() < 2 {
        return rows(connection, "visible_ms <= ?2", params![queue, now, limit, 0]);
    }
    let mut picked = Vec::new();
    while picked.len() < limit as usize {
        let Some(next) = groups.iter_mut().min_by_key(|group| group.under_way) else { break };
        let params = params![queue, now, 1, next.taken, next.id];
        let found = rows(connection, "visible_ms <= ?2 AND group_id IS ?5", params)?;
        if found.is_empty() {
            let gone = next.id.clone();
            groups.retain(|group| group.id != gone);
            continue;
        }
        (next.under_way, next.taken) = (next.under_way + 1, next.taken + 1);
        picked.extend(found);
    }
    Ok(picked)
}

/// A group with messages that can be received.
struct Group {
    id: Option<String>,
    under_way: i64,
    taken: i64,
}

fn visible_groups(connection: &Connection, queue: &str, now: i64) -> Result<Vec<Group>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT groups.group_id, (
             SELECT COUNT(*) FROM messages
             WHERE queue = ?1 AND group_id IS groups.group_id AND visible_ms > ?2 AND receives > 0
         )
         FROM (SELECT DISTINCT group_id FROM messages WHERE queue = ?1 AND visible_ms <= ?2) AS groups",
    )?;
    let groups = select.query_map(params![queue, now], |row| {
        Ok(Group { id: row.get(0)?, under_way: row.get(1)?, taken: 0 })
    })?;
    Ok(groups.collect::<Result<_, _>>()?)
}

fn rows(connection: &Connection, wanted: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Row>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT seq, id, body, attributes, sent_ms, receives, first_received_ms, dead_from, group_id
         FROM messages WHERE queue = ?1 AND {wanted} ORDER BY visible_ms, seq LIMIT ?3 OFFSET ?4"
    ))?;
    let rows = select.query_map(params, |row| {
        Ok(Row {
            seq: row.get(0)?,
            id: row.get(1)?,
            body: row.get(2)?,
            attributes: row.get(3)?,
            sent_ms: row.get(4)?,
            receives: row.get(5)?,
            first_received_ms: row.get(6)?,
            dead_from: row.get(7)?,
            group: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Row {
    fn message(&self, receipt: &str, input: &Value) -> Value {
        let mut message = json!({
            "MessageId": self.id,
            "ReceiptHandle": receipt,
            "Body": self.body,
            "MD5OfBody": md5_of::text(&self.body),
        });
        let system =
            self.system_attributes(&wanted(input, &["MessageSystemAttributeNames", "AttributeNames"]));
        if !system.is_empty() {
            message["Attributes"] = system.into();
        }
        let names = wanted(input, &["MessageAttributeNames"]);
        let own: Value = serde_json::from_str(&self.attributes).unwrap_or_default();
        let own: Map<String, Value> = own
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| names.iter().any(|wanted| matches(wanted, name)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !own.is_empty() {
            message["MD5OfMessageAttributes"] = md5_of::attributes(&Value::Object(own.clone())).into();
            message["MessageAttributes"] = own.into();
        }
        message
    }

    fn system_attributes(&self, wanted: &[&str]) -> Map<String, Value> {
        let mut all = vec![
            ("SenderId", names::ACCOUNT.to_owned()),
            ("SentTimestamp", self.sent_ms.to_string()),
            ("ApproximateReceiveCount", self.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp", self.first_received_ms.unwrap_or_default().to_string()),
        ];
        if let Some(group) = &self.group {
            all.push(("MessageGroupId", group.clone()));
        }
        if let Some(source) = &self.dead_from {
            all.push(("DeadLetterQueueSourceArn", names::queue_arn(source)));
        }
        all.into_iter()
            .filter(|(name, _)| wanted.contains(&"All") || wanted.contains(name))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }
}

fn wanted<'v>(input: &'v Value, keys: &[&str]) -> Vec<&'v str> {
    keys.iter()
        .flat_map(|key| input[*key].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect()
}

/// `All`, `.*`, `prefix.*` or the name itself.
fn matches(wanted: &str, name: &str) -> bool {
    wanted == "All"
        || wanted == name
        || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

fn wish(input: &Value, queue: &Settings) -> Result<Wish, Fault> {
    let number = |key: &str, default: u32, min: u32, max: u32| {
        match &input[key] {
        Value::Null => Ok(default),
        value => seconds(value, max).filter(|n| *n >= min).ok_or_else(|| {
            invalid(format!("Value {value} for parameter {key} is invalid. Reason: Must be between {min} and {max}, if provided."))
        }),
    }
    };
    Ok(Wish {
        messages_max: number("MaxNumberOfMessages", 1, 1, 10)?,
        visibility_seconds: number("VisibilityTimeout", queue.visibility_seconds(), 0, 43_200)?,
        wait: Duration::from_secs(number("WaitTimeSeconds", queue.wait_seconds(), 0, 20)?.into()),
    })
}
