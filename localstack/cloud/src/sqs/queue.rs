//! Queues: making, listing, describing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value, json};

use super::{Answer, Settings, Sqs, invalid, no_queue, queue_name, sqs_fault};
use crate::template::names;
use crate::wire::{Fault, text};

const ATTRIBUTES: [(&str, u32, u32); 5] = [
    ("VisibilityTimeout", 0, 43_200),
    ("DelaySeconds", 0, 900),
    ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ("MessageRetentionPeriod", 60, 1_209_600),
    ("MaximumMessageSize", 1024, 1_048_576),
];

impl Sqs {
    /// Makes a queue of the template, or brings its attributes up to date.
    pub(crate) fn declare(&self, name: &str, attributes: &BTreeMap<String, String>) -> Result<(), Fault> {
        check_attributes(attributes)?;
        let attributes = serde_json::to_string(attributes).unwrap_or_default();
        self.db.lock().execute(
            "INSERT INTO queues VALUES (?1, ?2, '{}', ?3) ON CONFLICT (name) DO UPDATE SET attributes = ?2",
            params![name, attributes, self.clock.now_ms()],
        )?;
        Ok(())
    }

    pub(super) fn create(&self, input: &Value) -> Answer {
        let name = text(input, "QueueName").unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 80 || !name.chars().all(legal) {
            return Err(invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        let attributes = string_map(&input["Attributes"]);
        check_attributes(&attributes)?;
        let existing = settings(&self.db.lock(), name)?;
        match existing {
            Some(queue)
                if attributes.iter().any(|(k, v)| queue.all_attributes().get(k) != Some(&json!(v))) =>
            {
                return Err(sqs_fault(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value for an attribute.",
                ));
            }
            Some(_) => {}
            None => self.declare(name, &attributes)?,
        }
        Ok(json!({ "QueueUrl": names::queue_url(name) }))
    }

    pub(super) fn delete_queue(&self, input: &Value) -> Answer {
        let name = queue_name(input)?;
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM messages WHERE queue = ?1", [name])?;
        let deleted = transaction.execute("DELETE FROM queues WHERE name = ?1", [name])?;
        transaction.commit()?;
        if deleted == 0 { Err(no_queue()) } else { Ok(json!({})) }
    }

    pub(super) fn queue_url(&self, input: &Value) -> Answer {
        let name = text(input, "QueueName").unwrap_or_default();
        let queue = settings(&self.db.lock(), name)?.ok_or_else(no_queue)?;
        Ok(json!({ "QueueUrl": names::queue_url(&queue.name) }))
    }

    pub(super) fn list(&self, input: &Value) -> Answer {
        let prefix = text(input, "QueueNamePrefix").unwrap_or_default();
        let connection = self.db.lock();
        let mut select = connection.prepare_cached("SELECT name FROM queues ORDER BY name")?;
        let names: Result<Vec<String>, _> = select.query_map([], |row| row.get(0))?.collect();
        let urls: Vec<String> =
            names?.iter().filter(|n| n.starts_with(prefix)).map(|n| names::queue_url(n)).collect();
        Ok(json!({ "QueueUrls": urls }))
    }

    pub(super) fn attributes(&self, input: &Value) -> Answer {
        let connection = self.db.lock();
        let queue = settings(&connection, queue_name(input)?)?.ok_or_else(no_queue)?;
        let mut all = queue.all_attributes();
        all.extend(counts(&connection, &queue.name, self.clock.now_ms())?);
        let wanted: Vec<&str> =
            input["AttributeNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !wanted.contains(&"All") {
            all.retain(|key, _| wanted.contains(&key.as_str()));
        }
        Ok(json!({ "Attributes": all }))
    }

    pub(super) fn set_attributes(&self, input: &Value) -> Answer {
        let changes = string_map(&input["Attributes"]);
        check_attributes(&changes)?;
        let queue = settings(&self.db.lock(), queue_name(input)?)?.ok_or_else(no_queue)?;
        let mut attributes = queue.attributes;
        attributes.extend(changes);
        // An empty policy takes it away.
        attributes.retain(|_, value| !value.is_empty());
        self.declare(&queue.name, &attributes)?;
        Ok(json!({}))
    }

    pub(super) fn tags(&self, input: &Value) -> Answer {
        self.with_tags(input, |_| {}).map(|tags| json!({ "Tags": tags }))
    }

    pub(super) fn tag(&self, input: &Value) -> Answer {
        let added = string_map(&input["Tags"]);
        self.with_tags(input, |tags| tags.extend(added)).map(|_| json!({}))
    }

    pub(super) fn untag(&self, input: &Value) -> Answer {
        let keys: Vec<&str> =
            input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.with_tags(input, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).map(|_| json!({}))
    }

    fn with_tags(
        &self,
        input: &Value,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<BTreeMap<String, String>, Fault> {
        let name = queue_name(input)?;
        let connection = self.db.lock();
        let tags: Option<String> = connection
            .query_row("SELECT tags FROM queues WHERE name = ?1", [name], |row| row.get(0))
            .optional()?;
        let mut tags = serde_json::from_str(&tags.ok_or_else(no_queue)?).unwrap_or_default();
        change(&mut tags);
        let text = serde_json::to_string(&tags).unwrap_or_default();
        connection.execute("UPDATE queues SET tags = ?2 WHERE name = ?1", [name, &text])?;
        Ok(tags)
    }

    pub(super) fn dead_letter_sources(&self, input: &Value) -> Answer {
        let name = queue_name(input)?;
        let connection = self.db.lock();
        settings(&connection, name)?.ok_or_else(no_queue)?;
        let mut select = connection.prepare_cached("SELECT name FROM queues ORDER BY name")?;
        let queues: Result<Vec<String>, _> = select.query_map([], |row| row.get(0))?.collect();
        let mut urls = Vec::new();
        for queue in queues? {
            let redrive = settings(&connection, &queue)?.and_then(|s| s.redrive());
            if redrive.is_some_and(|(target, _)| target == name) {
                urls.push(names::queue_url(&queue));
            }
        }
        Ok(json!({ "queueUrls": urls }))
    }

    pub(super) fn purge(&self, input: &Value) -> Answer {
        let connection = self.db.lock();
        let queue = settings(&connection, queue_name(input)?)?.ok_or_else(no_queue)?;
        connection.execute("DELETE FROM messages WHERE queue = ?1", [&queue.name])?;
        Ok(json!({}))
    }
}

/// The settings of a queue that exists.
pub(super) fn settings(connection: &Connection, name: &str) -> Result<Option<Settings>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT attributes, created_ms FROM queues WHERE name = ?1")?;
    let row: Option<(String, i64)> =
        select.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(row.map(|(attributes, created_ms)| Settings {
        name: name.to_owned(),
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        created_ms,
    }))
}

fn counts(connection: &Connection, queue: &str, now: i64) -> Result<Map<String, Value>, Fault> {
    // A message waits before its first receive, and flies between a receive and the end of its visibility
    // time-out.
    let mut select = connection.prepare_cached(
        "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
                count(*) FILTER (WHERE visible_ms > ?2 AND receipt IS NOT NULL),
                count(*) FILTER (WHERE visible_ms > ?2 AND receipt IS NULL)
         FROM messages WHERE queue = ?1",
    )?;
    let (visible, flying, delayed): (i64, i64, i64) =
        select.query_row(params![queue, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let counts = [
        ("ApproximateNumberOfMessages", visible),
        ("ApproximateNumberOfMessagesNotVisible", flying),
        ("ApproximateNumberOfMessagesDelayed", delayed),
    ];
    Ok(counts.map(|(key, n)| (key.to_owned(), json!(n.to_string()))).into_iter().collect())
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Fault> {
    for (name, min, max) in ATTRIBUTES {
        let Some(value) = attributes.get(name) else {
            continue;
        };
        if !value.parse::<u32>().is_ok_and(|n| (min..=max).contains(&n)) {
            return Err(sqs_fault(
                "InvalidAttributeValue",
                format!("Invalid value for the parameter {name}."),
            ));
        }
    }
    if attributes.get("FifoQueue").is_some_and(|v| v == "true") {
        return Err(sqs_fault("InvalidAttributeName", "The local cloud has standard queues only."));
    }
    Ok(())
}

fn string_map(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
