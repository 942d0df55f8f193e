//! Tables, queues, secrets and buckets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Result;
use super::eval::Scope;
use super::names::{self, Declared, physical};
use super::read::At;

/// A DynamoDB table. Keys, attributes and indexes stay in the API's own JSON: they are handed through.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name in the template.
    pub logical_id: String,
    /// The name functions use.
    pub name: String,
    /// `AttributeDefinitions`.
    pub attributes: Value,
    /// `KeySchema`.
    pub key_schema: Value,
    /// `GlobalSecondaryIndexes`, by name.
    pub indexes: BTreeMap<String, Value>,
    /// `LocalSecondaryIndexes`.
    pub local_indexes: Vec<Value>,
    /// The view type, when it has a stream.
    pub stream: Option<String>,
    /// The attribute that holds an item's end, when it has one.
    pub ttl: Option<String>,
}

/// A standard SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name in the template.
    pub logical_id: String,
    /// The physical name.
    pub name: String,
    /// What `Ref` gives.
    pub url: String,
    /// What `GetAtt Arn` gives.
    pub arn: String,
    /// Queue attributes as `CreateQueue` takes them (`RedrivePolicy` as JSON text).
    pub attributes: BTreeMap<String, String>,
}

/// A Secrets Manager secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name in the template.
    pub logical_id: String,
    /// The physical name.
    pub name: String,
    /// What `Ref` gives.
    pub arn: String,
    /// Its description.
    pub description: String,
    /// The value it is created with; a secret without one has no version until somebody puts it.
    pub value: Option<SecretValue>,
}

/// How a secret gets its first value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// `SecretString`.
    Text(String),
    /// `GenerateSecretString`.
    Generate(Generate),
}

/// `GenerateSecretString`: a random password, alone or as one key of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the switches are CloudFormation's")]
pub struct Generate {
    /// Its length in characters.
    pub length: usize,
    /// Characters never used.
    pub exclude: String,
    /// Leave out `a-z`.
    pub exclude_lowercase: bool,
    /// Leave out `A-Z`.
    pub exclude_uppercase: bool,
    /// Leave out `0-9`.
    pub exclude_numbers: bool,
    /// Leave out punctuation.
    pub exclude_punctuation: bool,
    /// The object and the key the password goes into.
    pub template: Option<(Map<String, Value>, String)>,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The name in the template.
    pub logical_id: String,
    /// The physical name.
    pub name: String,
    /// For how many days nobody can overwrite or delete an object in it (Object Lock).
    pub locked_days: Option<u32>,
}

pub(super) fn table(scope: &Scope<'_>, place: Declared<'_>, properties: &Value) -> Result<Table> {
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    for required in ["AttributeDefinitions", "KeySchema"] {
        if !at.get(required).value.is_array() {
            return Err(at.get(required).error("it is missing", "declare the table's keys"));
        }
    }
    let mut indexes = BTreeMap::new();
    for index in at.get("GlobalSecondaryIndexes").items() {
        indexes.insert(index.get("IndexName").text()?, index.value.clone());
    }
    let ttl = at.get("TimeToLiveSpecification");
    let ttl = if ttl.get("Enabled").flag(false)? { Some(ttl.get("AttributeName").text()?) } else { None };
    Ok(Table {
        logical_id: place.id.to_owned(),
        name: physical(scope, place, "TableName")?,
        attributes: at.get("AttributeDefinitions").value.clone(),
        key_schema: at.get("KeySchema").value.clone(),
        indexes,
        local_indexes: at.get("LocalSecondaryIndexes").items().into_iter().map(|i| i.value.clone()).collect(),
        stream: at.get("StreamSpecification").get("StreamViewType").optional_text()?,
        ttl,
    })
}

const QUEUE_ATTRIBUTES: [&str; 5] = [
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
];

pub(super) fn queue(scope: &Scope<'_>, place: Declared<'_>, properties: &Value) -> Result<Queue> {
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    if at.get("FifoQueue").flag(false)? {
        return Err(at
            .get("FifoQueue")
            .error("the local cloud has standard queues only", "use a standard queue"));
    }
    let mut attributes = BTreeMap::new();
    for key in QUEUE_ATTRIBUTES {
        if let Some(number) = at.get(key).number::<u64>()? {
            attributes.insert(key.to_owned(), number.to_string());
        }
    }
    let redrive = at.get("RedrivePolicy");
    if redrive.exists() {
        redrive.get("maxReceiveCount").number::<u32>()?;
        redrive.get("deadLetterTargetArn").text()?;
        attributes.insert("RedrivePolicy".to_owned(), redrive.value.to_string());
    }
    let name = physical(scope, place, "QueueName")?;
    Ok(Queue {
        logical_id: place.id.to_owned(),
        url: names::queue_url(&name),
        arn: names::queue_arn(&name),
        name,
        attributes,
    })
}

pub(super) fn secret(scope: &Scope<'_>, place: Declared<'_>, properties: &Value) -> Result<Secret> {
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    let name = physical(scope, place, "Name")?;
    let value = match (at.get("SecretString").optional_text()?, at.get("GenerateSecretString")) {
        (Some(text), _) => Some(SecretValue::Text(text)),
        (None, generate) if generate.value.is_object() => {
            Some(SecretValue::Generate(self::generate(&generate)?))
        }
        _ => None,
    };
    Ok(Secret {
        logical_id: place.id.to_owned(),
        arn: names::secret_arn(&name),
        name,
        description: at.get("Description").text_or("")?,
        value,
    })
}

fn generate(at: &At<'_>) -> Result<Generate> {
    let template = match at.get("SecretStringTemplate").optional_text()? {
        None => None,
        Some(text) => {
            let object = serde_json::from_str(&text).map_err(|e| {
                at.get("SecretStringTemplate").error(format!("it is not a JSON object ({e})"), "correct it")
            })?;
            Some((object, at.get("GenerateStringKey").text()?))
        }
    };
    Ok(Generate {
        length: at.get("PasswordLength").number()?.unwrap_or(32),
        exclude: at.get("ExcludeCharacters").text_or("")?,
        exclude_lowercase: at.get("ExcludeLowercase").flag(false)?,
        exclude_uppercase: at.get("ExcludeUppercase").flag(false)?,
        exclude_numbers: at.get("ExcludeNumbers").flag(false)?,
        exclude_punctuation: at.get("ExcludePunctuation").flag(false)?,
        template,
    })
}

pub(super) fn bucket(scope: &Scope<'_>, place: Declared<'_>, properties: &Value) -> Result<Bucket> {
    let name = names::bucket_name(&physical(scope, place, "BucketName")?);
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    let lock = at.get("ObjectLockConfiguration").get("Rule").get("DefaultRetention");
    Ok(Bucket { logical_id: place.id.to_owned(), name, locked_days: lock.get("Days").number()? })
}
