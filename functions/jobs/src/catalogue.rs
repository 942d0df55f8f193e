//! The types of jobs there are, of every group: what `cargo xtask sync` wrote down.

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use kernel::{Error, Fault, Permission, Principal, Result};
use serde::Deserialize;
use serde_json::Value;

const DECLARED: &str = include_str!("../../../openapi/job-types.json");

/// How many faults of a payload are told.
const FAULTS_MAX: usize = 100;

/// How much of a field's name is told.
const NAME_CHARS_MAX: usize = 200;

/// A type of jobs.
#[derive(Debug, Deserialize)]
pub(crate) struct JobType {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) queue: String,
    pub(crate) permission: Permission,
    pub(crate) time_limit_seconds: u64,
    pub(crate) attempts_max: u32,
    pub(crate) per_tenant_max: Option<u32>,
    pub(crate) payload: Value,
}

static TYPES: LazyLock<BTreeMap<String, JobType>> = LazyLock::new(|| {
    let declared: Vec<JobType> = serde_json::from_str(DECLARED)
        .expect("`cargo xtask sync` writes what this reads, and a test compares");
    declared.into_iter().map(|declared| (declared.name.clone(), declared)).collect()
});

/// What is told of a type that there is not.
static UNKNOWN: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = TYPES.keys().map(String::as_str).collect();
    format!("type of jobs; there are {}", names.join(", "))
});

/// Every type, by name.
pub(crate) fn every() -> impl Iterator<Item = &'static JobType> {
    TYPES.values()
}

/// The type of this name.
///
/// # Errors
/// [`Error::NotFound`], which names those that there are.
pub(crate) fn find(name: &str) -> Result<&'static JobType> {
    TYPES.get(name).ok_or_else(|| Error::NotFound(UNKNOWN.as_str()))
}

/// Whether somebody who may see jobs may see those of a type: those that anybody who works in the tenant may ask for, and
/// those that they may ask for themself. Of a type that there is not any more, operators.
pub(crate) fn may_see(name: &str, principal: &Principal) -> bool {
    let permission = TYPES.get(name).map_or(Permission::DeadLettersRead, |declared| declared.permission);
    permission == Permission::JobsWrite || principal.may(permission)
}

impl JobType {
    /// Requires that somebody may ask for such jobs.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) fn require_allowed(&self, principal: &Principal) -> Result<()> {
        if principal.may(self.permission) {
            return Ok(());
        }
        Err(Error::Forbidden(
            format!("jobs of the type {} take the permission {}", self.name, self.permission).into(),
        ))
    }

    /// Requires that a payload is as the schema has it (JSON Schema 2020-12).
    ///
    /// # Errors
    /// [`Error::Invalid`], with every fault and its place.
    pub(crate) fn require_valid(&self, payload: &Value) -> Result<()> {
        let validator = self.validator()?;
        let faults: Vec<Fault> =
            validator.iter_errors(payload).flat_map(|error| faults_of(&error)).take(FAULTS_MAX).collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
    }

    fn validator(&self) -> Result<Validator> {
        jsonschema::draft202012::new(&self.payload)
            .map_err(|error| Error::internal("read a payload's schema", error.to_string()))
    }
}

/// What is told of an error: a field that is missing or unknown is pointed at, and not the object that it is not in.
fn faults_of(error: &ValidationError<'_>) -> Vec<Fault> {
    let at = error.instance_path().to_string();
    let field = |name: &str, detail: &'static str| {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        Fault {
            pointer: format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
            detail: detail.into(),
        }
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| field(name, "is not a known field")).collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![field(property.as_str().unwrap_or_default(), "is required")]
        }
        _ => vec![Fault { pointer: at, detail: error.masked().to_string().into() }],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_type_is_told_which_there_are() {
        let Err(Error::NotFound(told)) = find("demo.nap") else { panic!("there is no such type") };
        assert!(told.contains("demo.sleep") && told.contains("users.import"), "{told}");
    }

    #[test]
    fn every_schema_can_be_read_and_refuses_what_it_does_not_know() {
        for declared in every() {
            let Err(Error::Invalid(faults)) = declared.require_valid(&json!({"surely_not": 1})) else {
                panic!("{} takes anything", declared.name)
            };
            assert!(!faults.is_empty());
        }
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let sleep = find("demo.sleep").unwrap();
        assert!(sleep.require_valid(&json!({"seconds": 0})).is_ok());
        for (payload, pointer) in [
            (json!({"seconds": 3601}), "/seconds"),
            (json!({"seconds": "1"}), "/seconds"),
            (json!({"seconds": 1, "fail_attempts": 11}), "/fail_attempts"),
            (json!({}), "/seconds"),
            (json!({"seconds": 1, "a/b": 1}), "/a~1b"),
            (json!([]), ""),
        ] {
            let Err(Error::Invalid(faults)) = sleep.require_valid(&payload) else { panic!("{payload}") };
            assert_eq!(faults[0].pointer, pointer, "{payload}: {faults:?}");
        }
    }
}
