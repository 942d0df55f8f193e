//! One secret: its versions and what their staging labels may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rotation::Rotation;
use crate::wire::Fault;

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
/// Versions without a label that are kept: they make a repeated request harmless.
const DEPRECATED_MAX: usize = 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: String,
    pub(super) created: f64,
    pub(super) changed: f64,
    pub(super) deleted: Option<f64>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) versions: BTreeMap<String, Version>,
    #[serde(default)]
    pub(super) rotation: Option<Rotation>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) content: Content,
    pub(super) created: f64,
    pub(super) stages: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) string: Option<String>,
    /// Base64, as it travels.
    pub(super) binary: Option<String>,
}

impl Version {
    pub(super) fn empty(now: f64) -> Self {
        Self { content: Content::default(), created: now, stages: Vec::new() }
    }
}

impl Content {
    /// Whether nothing was written yet: a version that a rotation has named.
    pub(super) fn is_empty(&self) -> bool {
        self.string.is_none() && self.binary.is_none()
    }
}

impl Secret {
    pub(super) fn new(name: &str, arn: &str, description: &str, now: f64) -> Self {
        Self {
            name: name.to_owned(),
            arn: arn.to_owned(),
            description: description.to_owned(),
            created: now,
            changed: now,
            deleted: None,
            tags: BTreeMap::new(),
            versions: BTreeMap::new(),
            rotation: None,
        }
    }

    pub(super) fn refuse_deleted(&self) -> Result<(), Fault> {
        match self.deleted {
            None => Ok(()),
            Some(_) => Err(Fault::client(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            )),
        }
    }

    /// Adds a version, or fills one that a rotation has named. The same token with the same content again changes
    /// nothing.
    pub(super) fn put(
        &mut self,
        id: &str,
        content: Content,
        stages: &[String],
        now: f64,
    ) -> Result<(), Fault> {
        let known = self.versions.get(id).filter(|version| !version.content.is_empty());
        if let Some(version) = known {
            if version.content == content {
                return Ok(());
            }
            return Err(Fault::client(
                "ResourceExistsException",
                "The ClientRequestToken belongs to a version with other content; a version cannot be changed.",
            ));
        }
        let first = self.versions.values().all(|version| version.content.is_empty());
        let version = self.versions.entry(id.to_owned());
        let version = version.or_insert_with(|| Version::empty(now));
        version.content = content;
        for stage in stages {
            self.attach(stage, id);
        }
        if first && !stages.iter().any(|s| s == CURRENT) {
            self.attach(CURRENT, id);
        }
        self.prune();
        Ok(())
    }

    /// Moves a label to `to` and away from `from`, as `UpdateSecretVersionStage` does.
    pub(super) fn move_stage(
        &mut self,
        stage: &str,
        to: Option<&str>,
        from: Option<&str>,
        now: f64,
    ) -> Result<(), Fault> {
        let invalid = |message: String| Err(Fault::client("InvalidParameterException", message));
        if let Some(missing) = [to, from].into_iter().flatten().find(|id| !self.versions.contains_key(*id)) {
            return Err(Fault::client(
                "ResourceNotFoundException",
                format!("Secrets Manager can't find the specified secret version: {missing}."),
            ));
        }
        let holder = self.holder(stage).map(str::to_owned);
        match (holder.as_deref(), to, from) {
            (Some(holder), Some(to), from) if holder != to && from != Some(holder) => {
                return invalid(format!(
                    "The staging label {stage} is attached to version {holder}, so RemoveFromVersionId must name it."
                ));
            }
            (holder, None, Some(from)) if holder != Some(from) => {
                return invalid(format!("The staging label {stage} is not attached to version {from}."));
            }
            (_, None, Some(_)) if stage == CURRENT => {
                return invalid(format!("{CURRENT} can only be moved, never removed."));
            }
            _ => {}
        }
        match to {
            Some(to) => self.attach(stage, to),
            None => self.detach(stage),
        }
        self.note_rotation(now);
        Ok(())
    }

    /// The value at a version id, a staging label, or `AWSCURRENT`.
    pub(super) fn value(&self, id: Option<&str>, stage: Option<&str>) -> Result<Value, Fault> {
        let found = match (id, stage) {
            (Some(id), stage) => self
                .versions
                .get_key_value(id)
                .filter(|(_, v)| stage.is_none_or(|stage| v.stages.iter().any(|s| s == stage)))
                .ok_or_else(|| format!("VersionId: {id}")),
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                let holder = self.holder(stage).and_then(|id| self.versions.get_key_value(id));
                holder.ok_or_else(|| format!("staging label: {stage}"))
            }
        };
        let found = found.and_then(|(id, version)| {
            if version.content.is_empty() { Err(format!("VersionId: {id}")) } else { Ok((id, version)) }
        });
        let (id, version) = found.map_err(|what| {
            Fault::client(
                "ResourceNotFoundException",
                format!("Secrets Manager can't find the specified secret value for {what}"),
            )
        })?;
        let mut answer = self.identity();
        answer["VersionId"] = id.as_str().into();
        answer["VersionStages"] = json!(version.stages);
        answer["CreatedDate"] = version.created.into();
        if let Some(string) = &version.content.string {
            answer["SecretString"] = string.as_str().into();
        }
        if let Some(binary) = &version.content.binary {
            answer["SecretBinary"] = binary.as_str().into();
        }
        Ok(answer)
    }

    pub(super) fn identity(&self) -> Value {
        json!({ "ARN": self.arn, "Name": self.name })
    }

    pub(super) fn created_answer(&self, version: &str) -> Value {
        json!({ "ARN": self.arn, "Name": self.name, "VersionId": version })
    }

    pub(super) fn describe(&self) -> Value {
        let stages: BTreeMap<&String, &Vec<String>> = self
            .versions
            .iter()
            .filter(|(_, v)| !v.stages.is_empty())
            .map(|(id, v)| (id, &v.stages))
            .collect();
        let tags: Vec<Value> = self.tags.iter().map(|(k, v)| json!({ "Key": k, "Value": v })).collect();
        let mut answer = json!({
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "CreatedDate": self.created,
            "LastChangedDate": self.changed,
            "Tags": tags,
            "VersionIdsToStages": stages,
        });
        if let Some(deleted) = self.deleted {
            answer["DeletedDate"] = deleted.into();
        }
        if let Some(rotation) = &self.rotation {
            rotation.describe(&mut answer);
        }
        answer
    }

    pub(super) fn list_versions(&self, input: &Value) -> Value {
        let all = input["IncludeDeprecated"].as_bool().unwrap_or(false);
        let versions: Vec<Value> = self
            .versions
            .iter()
            .filter(|(_, v)| all || !v.stages.is_empty())
            .map(|(id, v)| json!({ "VersionId": id, "VersionStages": v.stages, "CreatedDate": v.created }))
            .collect();
        json!({ "ARN": self.arn, "Name": self.name, "Versions": versions })
    }

    pub(super) fn tag(&mut self, tags: &Value) {
        for tag in tags.as_array().into_iter().flatten() {
            if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
                self.tags.insert(key.to_owned(), value.to_owned());
            }
        }
    }

    pub(super) fn holder(&self, stage: &str) -> Option<&str> {
        self.versions.iter().find(|(_, v)| v.stages.iter().any(|s| s == stage)).map(|(id, _)| id.as_str())
    }

    /// A label stands on one version only; where `AWSCURRENT` leaves, `AWSPREVIOUS` arrives.
    pub(super) fn attach(&mut self, stage: &str, id: &str) {
        let holder = self.holder(stage).map(str::to_owned);
        if holder.as_deref() == Some(id) {
            return;
        }
        self.detach(stage);
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.push(stage.to_owned());
        }
        if let (CURRENT, Some(former)) = (stage, holder) {
            self.attach(PREVIOUS, &former);
        }
    }

    fn detach(&mut self, stage: &str) {
        for version in self.versions.values_mut() {
            version.stages.retain(|s| s != stage);
        }
    }

    fn prune(&mut self) {
        let mut deprecated: Vec<(f64, String)> = self
            .versions
            .iter()
            .filter(|(_, v)| v.stages.is_empty())
            .map(|(id, v)| (v.created, id.clone()))
            .collect();
        deprecated.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, id) in deprecated.into_iter().skip(DEPRECATED_MAX) {
            self.versions.remove(&id);
        }
    }
}
