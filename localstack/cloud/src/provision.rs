//! Makes what the template declares and the cloud does not have yet.

use std::collections::{BTreeMap, BTreeSet};

use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use crate::cloud::CloudError;
use crate::s3::S3;
use crate::secrets::{Secrets, generate};
use crate::sqs::Sqs;
use crate::template::{Bucket, Event, Function, Queue, Secret, SecretValue, Table};
use crate::wire::Fault;

pub(crate) fn tables(db: &Database, tables: &[Table]) -> Result<(), CloudError> {
    for table in tables {
        let made = match db.describe_table(request(&json!({ "TableName": table.name }))?) {
            Ok(existing) => extend(db, table, &serde_json::to_value(existing).unwrap_or_default()),
            Err(DynoxideError::ResourceNotFoundException(_)) => create(db, table),
            Err(e) => Err(e.into()),
        };
        made.map_err(|e| CloudError::Resource { resource: table.logical_id.clone(), reason: e.to_string() })?;
    }
    Ok(())
}

fn create(db: &Database, table: &Table) -> Result<(), CloudError> {
    let mut input = json!({
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": table.attributes,
        "KeySchema": table.key_schema,
    });
    if !table.indexes.is_empty() {
        input["GlobalSecondaryIndexes"] = table.indexes.values().cloned().collect();
    }
    if !table.local_indexes.is_empty() {
        input["LocalSecondaryIndexes"] = table.local_indexes.clone().into();
    }
    if let Some(view) = &table.stream {
        input["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    }
    db.create_table(request(&input)?)?;
    expire(db, table)
}

/// Adds the indexes, the stream and the expiry which the template has gained since the table was made.
fn extend(db: &Database, table: &Table, existing: &Value) -> Result<(), CloudError> {
    let existing = &existing["Table"];
    if key_names(&existing["KeySchema"]) != key_names(&table.key_schema) {
        return Err(CloudError::Resource {
            resource: table.logical_id.clone(),
            reason: format!(
                "the keys of `{}` have changed; remove the data folder to begin anew",
                table.name
            ),
        });
    }
    let present: BTreeSet<&str> = existing["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|index| index["IndexName"].as_str())
        .collect();
    for (name, index) in table.indexes.iter().filter(|(name, _)| !present.contains(name.as_str())) {
        let update = json!({
            "TableName": table.name,
            "AttributeDefinitions": table.attributes,
            "GlobalSecondaryIndexUpdates": [{ "Create": index }],
        });
        db.update_table(request(&update)?).map_err(|e| CloudError::Resource {
            resource: format!("{}, index {name}", table.logical_id),
            reason: e.to_string(),
        })?;
    }
    if let Some(view) = &table.stream
        && existing["StreamSpecification"]["StreamEnabled"] != true
    {
        let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
        db.update_table(request(&json!({ "TableName": table.name, "StreamSpecification": stream }))?)?;
    }
    expire(db, table)
}

fn key_names(schema: &Value) -> BTreeMap<&str, &str> {
    let keys = schema.as_array().into_iter().flatten();
    keys.filter_map(|k| Some((k["KeyType"].as_str()?, k["AttributeName"].as_str()?))).collect()
}

fn expire(db: &Database, table: &Table) -> Result<(), CloudError> {
    let Some(attribute) = &table.ttl else {
        return Ok(());
    };
    let current = db.describe_time_to_live(request(&json!({ "TableName": table.name }))?)?;
    let current = serde_json::to_value(current).unwrap_or_default();
    if current["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED" {
        return Ok(());
    }
    let specification = json!({ "Enabled": true, "AttributeName": attribute });
    db.update_time_to_live(request(
        &json!({ "TableName": table.name, "TimeToLiveSpecification": specification }),
    )?)?;
    Ok(())
}

fn request<T: serde::de::DeserializeOwned>(input: &Value) -> Result<T, DynoxideError> {
    serde_json::from_str(&input.to_string()).map_err(|e| DynoxideError::ValidationException(e.to_string()))
}

/// Queues are declared whole on each start: attributes follow the template.
pub(crate) fn queues(sqs: &Sqs, queues: &[Queue]) -> Result<(), CloudError> {
    for queue in queues {
        sqs.declare(&queue.name, &queue.attributes).map_err(|e| failed(&queue.logical_id, &e))?;
    }
    Ok(())
}

pub(crate) fn secrets(secrets: &Secrets, declared: &[Secret]) -> Result<(), CloudError> {
    for secret in declared {
        let value = || {
            Ok(match &secret.value {
                None => None,
                Some(SecretValue::Text(text)) => Some(text.clone()),
                Some(SecretValue::Generate(how)) => Some(generate(how)?),
            })
        };
        secrets
            .declare(&secret.name, &secret.arn, &secret.description, value)
            .map_err(|e| failed(&secret.logical_id, &e))?;
    }
    Ok(())
}

/// Which functions rotate which secrets: declared on each start, as the template says.
pub(crate) fn rotations(secrets: &Secrets, functions: &[Function]) -> Result<(), CloudError> {
    for function in functions {
        for event in &function.events {
            let Event::Rotation { secret, every_days } = event else { continue };
            secrets
                .declare_rotation(secret, &function.arn, *every_days)
                .map_err(|e| failed(&function.logical_id, &e))?;
        }
    }
    Ok(())
}

pub(crate) fn buckets(s3: &S3, buckets: &[Bucket]) -> Result<(), CloudError> {
    for bucket in buckets {
        let locked = |()| bucket.locked_days.map_or(Ok(()), |days| s3.lock(&bucket.name, days));
        s3.declare(&bucket.name).and_then(locked).map_err(|e| failed(&bucket.logical_id, &e))?;
    }
    Ok(())
}

fn failed(resource: &str, fault: &Fault) -> CloudError {
    CloudError::Resource { resource: resource.to_owned(), reason: fault.message.clone() }
}
