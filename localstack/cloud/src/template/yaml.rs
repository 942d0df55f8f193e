//! YAML with CloudFormation's short tags → JSON with the long forms.
//!
//! `!Ref X` becomes `{"Ref": "X"}`, `!GetAtt A.B` becomes `{"Fn::GetAtt": ["A", "B"]}` and so on, so that the
//! evaluation knows one spelling only.

use serde_json::{Map, Value};
use yaml_serde::Value as Yaml;

use super::error::{Result, TemplateError};

/// Parses the text of a template.
pub(super) fn parse(text: &str) -> Result<Value> {
    let yaml: Yaml = yaml_serde::from_str(text).map_err(|e| {
        TemplateError::new("the file", format!("it is not valid YAML ({e})"), "correct it at that line")
    })?;
    to_json("", &yaml)
}

fn to_json(at: &str, yaml: &Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(b) => Value::Bool(*b),
        Yaml::Number(n) => number(n),
        Yaml::String(s) => Value::String(s.clone()),
        Yaml::Sequence(items) => sequence(at, items)?,
        Yaml::Mapping(entries) => mapping(at, entries)?,
        Yaml::Tagged(tagged) => long_form(at, &tagged.tag.to_string(), to_json(at, &tagged.value)?)?,
    })
}

fn number(n: &yaml_serde::Number) -> Value {
    if let Some(i) = n.as_i64() {
        return i.into();
    }
    n.as_f64().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number)
}

fn sequence(at: &str, items: &[Yaml]) -> Result<Value> {
    let items: Result<Vec<_>> =
        items.iter().enumerate().map(|(i, item)| to_json(&format!("{at}[{i}]"), item)).collect();
    Ok(Value::Array(items?))
}

fn mapping(at: &str, entries: &yaml_serde::Mapping) -> Result<Value> {
    let mut map = Map::new();
    for (key, value) in entries {
        let key = match key {
            Yaml::String(s) => s.clone(),
            Yaml::Number(n) => n.to_string(),
            Yaml::Bool(b) => b.to_string(),
            other => {
                let what = format!("a key is neither text nor a number ({other:?})");
                return Err(TemplateError::new(at, what, "quote it"));
            }
        };
        let value = to_json(&join(at, &key), value)?;
        map.insert(key, value);
    }
    Ok(Value::Object(map))
}

fn long_form(at: &str, tag: &str, value: Value) -> Result<Value> {
    let name = tag.trim_start_matches('!');
    let (key, value) = match name {
        "Ref" | "Condition" => (name.to_owned(), value),
        "GetAtt" => ("Fn::GetAtt".to_owned(), split_attribute(value)),
        "Sub" | "If" | "Equals" | "Not" | "And" | "Or" | "Join" | "Select" | "Split" | "FindInMap"
        | "Base64" => (format!("Fn::{name}"), value),
        _ => {
            let what = format!("the tag `!{name}` is unknown to the local cloud");
            return Err(TemplateError::new(
                at,
                what,
                "use a function it knows (Ref, Sub, GetAtt, If, Join, …)",
            ));
        }
    };
    Ok(Value::Object(Map::from_iter([(key, value)])))
}

fn split_attribute(value: Value) -> Value {
    match &value {
        Value::String(s) => match s.split_once('.') {
            Some((resource, attribute)) => Value::from(vec![resource, attribute]),
            None => value,
        },
        _ => value,
    }
}

/// `a` + `b` → `a.b`, and `b` at the root.
pub(super) fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}
