//! Secrets Manager.
//!
//! Each secret is one document in the database, read, changed and written within one transaction; so what was
//! acknowledged is kept and two writers cannot overtake each other.

mod model;
mod password;
mod rotation;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

pub(crate) use password::generate;

use crate::clock::Clock;
use crate::db::Db;
use crate::template::names;
use crate::wire::{Fault, Reply, json_body, json_reply, text};
use model::{CURRENT, Content, Secret};

/// The service.
pub(crate) struct Secrets {
    db: Arc<Db>,
    clock: Clock,
}

/// What is served, and may fail on purpose.
pub(crate) const OPERATIONS: &[&str] = &[
    "CancelRotateSecret",
    "CreateSecret",
    "DeleteSecret",
    "DescribeSecret",
    "GetRandomPassword",
    "GetSecretValue",
    "ListSecretVersionIds",
    "ListSecrets",
    "PutSecretValue",
    "RestoreSecret",
    "RotateSecret",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
];

type Answer = Result<Value, Fault>;

impl Secrets {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self { db, clock }
    }

    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Reply {
        let answer = json_body(body).and_then(|input| match operation {
            "CreateSecret" => self.create(&input),
            "GetSecretValue" => self.get_value(&input),
            "PutSecretValue" => self.put_value(&input),
            "UpdateSecret" => self.update(&input),
            "UpdateSecretVersionStage" => self.move_stage(&input),
            "DescribeSecret" => self.read(&input, |secret| Ok(secret.describe())),
            "ListSecretVersionIds" => self.read(&input, |secret| Ok(secret.list_versions(&input))),
            "ListSecrets" => self.list(),
            "RotateSecret" => self.rotate(&input),
            "CancelRotateSecret" => self.cancel_rotation(&input),
            "DeleteSecret" => self.delete(&input),
            "RestoreSecret" => self.change(&input, |secret| {
                secret.deleted = None;
                Ok(secret.identity())
            }),
            "TagResource" => self.change(&input, |secret| {
                secret.tag(&input["Tags"]);
                Ok(json!({}))
            }),
            "UntagResource" => self.change(&input, |secret| {
                let keys: Vec<&str> =
                    input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
                Ok(json!({}))
            }),
            "GetRandomPassword" => password::from_request(&input).map(|p| json!({ "RandomPassword": p })),
            _ => Err(Fault::client(
                "UnknownOperationException",
                format!("The local cloud has no `{operation}`."),
            )),
        });
        match answer {
            Ok(body) => json_reply(200, &body),
            Err(fault) => fault.json(),
        }
    }

    /// Makes a secret of the template unless it exists; `value` is asked only then.
    pub(crate) fn declare(
        &self,
        name: &str,
        arn: &str,
        description: &str,
        value: impl FnOnce() -> Result<Option<String>, Fault>,
    ) -> Result<(), Fault> {
        let connection = self.db.lock();
        if find(&connection, name)?.is_some() {
            return Ok(());
        }
        let mut secret = Secret::new(name, arn, description, self.clock.now().as_secs_f64());
        if let Some(text) = value()? {
            let content = Content { string: Some(text), binary: None };
            secret.put(&uuid::Uuid::new_v4().to_string(), content, &[CURRENT.to_owned()], secret.created)?;
        }
        save(&connection, &secret)
    }

    fn create(&self, input: &Value) -> Answer {
        let name = text(input, "Name").unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
        if name.is_empty() || name.len() > 512 || !name.chars().all(legal) {
            return Err(Fault::client(
                "ValidationException",
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            ));
        }
        let content = content(input)?;
        let token = token(input)?;
        let now = self.clock.now().as_secs_f64();
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        if let Some(existing) = find(&transaction, name)? {
            existing.refuse_deleted()?;
            return match (existing.versions.get(&token), &content) {
                (Some(version), Some(content)) if version.content == *content => {
                    Ok(existing.created_answer(&token))
                }
                _ => Err(Fault::client(
                    "ResourceExistsException",
                    format!("The operation failed because the secret {name} already exists."),
                )),
            };
        }
        let mut secret =
            Secret::new(name, &names::secret_arn(name), text(input, "Description").unwrap_or_default(), now);
        secret.tag(&input["Tags"]);
        let mut answer = secret.identity();
        if let Some(content) = content {
            secret.put(&token, content, &[CURRENT.to_owned()], now)?;
            answer["VersionId"] = token.into();
        }
        save(&transaction, &secret)?;
        transaction.commit()?;
        Ok(answer)
    }

    fn get_value(&self, input: &Value) -> Answer {
        self.read(input, |secret| {
            secret.refuse_deleted()?;
            secret.value(text(input, "VersionId"), text(input, "VersionStage"))
        })
    }

    fn put_value(&self, input: &Value) -> Answer {
        let Some(content) = content(input)? else {
            return Err(Fault::client(
                "InvalidRequestException",
                "You must provide either SecretString or SecretBinary.",
            ));
        };
        let token = token(input)?;
        let stages: Vec<String> = input["VersionStages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let stages = if stages.is_empty() { vec![CURRENT.to_owned()] } else { stages };
        let now = self.clock.now().as_secs_f64();
        self.change(input, |secret| {
            secret.refuse_deleted()?;
            secret.put(&token, content, &stages, now)?;
            let mut answer = secret.identity();
            answer["VersionStages"] = json!(secret.versions[&token].stages);
            answer["VersionId"] = token.into();
            Ok(answer)
        })
    }

    fn update(&self, input: &Value) -> Answer {
        let content = content(input)?;
        let token = token(input)?;
        let now = self.clock.now().as_secs_f64();
        self.change(input, |secret| {
            secret.refuse_deleted()?;
            if let Some(description) = text(input, "Description") {
                description.clone_into(&mut secret.description);
            }
            let mut answer = secret.identity();
            if let Some(content) = content {
                secret.put(&token, content, &[CURRENT.to_owned()], now)?;
                answer["VersionId"] = token.into();
            }
            Ok(answer)
        })
    }

    fn move_stage(&self, input: &Value) -> Answer {
        let stage = text(input, "VersionStage").unwrap_or_default();
        let now = self.clock.now().as_secs_f64();
        self.change(input, |secret| {
            secret.refuse_deleted()?;
            let (to, from) = (text(input, "MoveToVersionId"), text(input, "RemoveFromVersionId"));
            secret.move_stage(stage, to, from, now)?;
            Ok(secret.identity())
        })
    }

    fn delete(&self, input: &Value) -> Answer {
        let now = self.clock.now().as_secs_f64();
        let days = input["RecoveryWindowInDays"].as_u64();
        let force = input["ForceDeleteWithoutRecovery"].as_bool().unwrap_or(false);
        if force && days.is_some() || days.is_some_and(|d| !(7..=30).contains(&d)) {
            return Err(Fault::client(
                "InvalidParameterException",
                "RecoveryWindowInDays must be 7 to 30 and excludes ForceDeleteWithoutRecovery.",
            ));
        }
        let at = if force {
            now
        } else {
            now + f64::from(u32::try_from(days.unwrap_or(30)).unwrap_or(30)) * 86_400.0
        };
        let answer = self.change(input, |secret| {
            if !force {
                secret.refuse_deleted()?;
            }
            secret.deleted = Some(at);
            let mut answer = secret.identity();
            answer["DeletionDate"] = at.into();
            Ok(answer)
        })?;
        if force {
            self.db.lock().execute("DELETE FROM secrets WHERE arn = ?1", [text(&answer, "ARN")])?;
        }
        Ok(answer)
    }

    fn list(&self) -> Answer {
        let connection = self.db.lock();
        let mut select = connection.prepare_cached("SELECT doc FROM secrets ORDER BY name")?;
        let docs: Result<Vec<String>, _> = select.query_map([], |row| row.get(0))?.collect();
        let mut list = Vec::new();
        for doc in docs? {
            let secret = parse(&doc)?;
            if secret.deleted.is_none() {
                list.push(secret.describe());
            }
        }
        Ok(json!({ "SecretList": list }))
    }

    fn read(&self, input: &Value, answer: impl FnOnce(&Secret) -> Answer) -> Answer {
        let secret = find(&self.db.lock(), id(input)?)?;
        answer(&secret.ok_or_else(not_found)?)
    }

    fn change(&self, input: &Value, change: impl FnOnce(&mut Secret) -> Answer) -> Answer {
        let now = self.clock.now().as_secs_f64();
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let mut secret = find(&transaction, id(input)?)?.ok_or_else(not_found)?;
        let answer = change(&mut secret)?;
        secret.changed = now;
        save(&transaction, &secret)?;
        transaction.commit()?;
        Ok(answer)
    }
}

fn id(input: &Value) -> Result<&str, Fault> {
    text(input, "SecretId")
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Fault::client("InvalidParameterException", "SecretId is required."))
}

fn not_found() -> Fault {
    Fault::client("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// Finds a secret by name, ARN, or ARN without its six random characters.
fn find(connection: &Connection, id: &str) -> Result<Option<Secret>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT doc FROM secrets WHERE name = ?1 OR arn = ?1 OR substr(arn, 1, length(arn) - 7) = ?1",
    )?;
    let doc: Option<String> = select.query_row([id], |row| row.get(0)).optional()?;
    doc.map(|doc| parse(&doc)).transpose()
}

fn parse(doc: &str) -> Result<Secret, Fault> {
    serde_json::from_str(doc).map_err(|e| Fault::client("InternalServiceError", e.to_string()).status(500))
}

fn save(connection: &Connection, secret: &Secret) -> Result<(), Fault> {
    let doc = serde_json::to_string(secret)
        .map_err(|e| Fault::client("InternalServiceError", e.to_string()).status(500))?;
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO secrets VALUES (?1, ?2, ?3)")?;
    insert.execute(params![secret.name, secret.arn, doc])?;
    Ok(())
}

/// The value a request carries, if any.
fn content(input: &Value) -> Result<Option<Content>, Fault> {
    let (string, binary) = (text(input, "SecretString"), text(input, "SecretBinary"));
    let length = string.or(binary).map_or(0, str::len);
    if length > 65_536 * 4 / 3 || string.is_some_and(|s| s.len() > 65_536) {
        return Err(Fault::client("ValidationException", "The secret is longer than 65536 bytes."));
    }
    match (string, binary) {
        (Some(_), Some(_)) => {
            Err(Fault::client("InvalidParameterException", "Give SecretString or SecretBinary, not both."))
        }
        (None, None) => Ok(None),
        (_, Some(binary)) if STANDARD.decode(binary).is_err() => {
            Err(Fault::client("InvalidParameterException", "SecretBinary is not base64."))
        }
        (string, binary) => {
            Ok(Some(Content { string: string.map(str::to_owned), binary: binary.map(str::to_owned) }))
        }
    }
}

/// `ClientRequestToken` becomes the version's id; the SDKs always send one.
fn token(input: &Value) -> Result<String, Fault> {
    match text(input, "ClientRequestToken") {
        None => Ok(uuid::Uuid::new_v4().to_string()),
        Some(token) if (32..=64).contains(&token.len()) => Ok(token.to_owned()),
        Some(_) => Err(Fault::client(
            "InvalidParameterException",
            "ClientRequestToken must be 32-64 characters long.",
        )),
    }
}
