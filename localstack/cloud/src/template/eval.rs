//! CloudFormation's intrinsic functions.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value};

use super::error::{Result, TemplateError};
use super::names;
use super::yaml::join;

/// `AWS::NoValue`: evaluates to "leave the key out".
const NO_VALUE: &str = "\u{0}AWS::NoValue";
/// Deeper than any template nests, shallow enough to stop a condition that names itself.
const DEPTH_MAX: usize = 64;

/// What an expression can refer to.
pub(super) struct Scope<'t> {
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) conditions: &'t Map<String, Value>,
    pub(super) mappings: &'t Map<String, Value>,
    pub(super) resources: &'t Map<String, Value>,
    /// `Globals`, not yet evaluated.
    pub(super) globals: &'t Value,
}

impl Scope<'_> {
    /// Evaluates every function in `value`; `at` is where it stands, for the error.
    pub(super) fn eval(&self, at: &str, value: &Value) -> Result<Value> {
        self.eval_at(at, value, 0)
    }

    /// Whether the named condition holds.
    pub(super) fn condition(&self, at: &str, name: &str) -> Result<bool> {
        self.condition_at(at, name, 0)
    }

    fn eval_at(&self, at: &str, value: &Value, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(TemplateError::new(at, "it refers to itself", "break the circle"));
        }
        match value {
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    let item = self.eval_at(&format!("{at}[{i}]"), item, depth + 1)?;
                    if !is_no_value(&item) {
                        out.push(item);
                    }
                }
                Ok(Value::Array(out))
            }
            Value::Object(map) => match single_function(map) {
                Some((function, argument)) => self.call(at, function, argument, depth + 1),
                None => self.object(at, map, depth),
            },
            other => Ok(other.clone()),
        }
    }

    fn object(&self, at: &str, map: &Map<String, Value>, depth: usize) -> Result<Value> {
        let mut out = Map::new();
        for (key, value) in map {
            let value = self.eval_at(&join(at, key), value, depth + 1)?;
            if !is_no_value(&value) {
                out.insert(key.clone(), value);
            }
        }
        Ok(Value::Object(out))
    }

    fn call(&self, at: &str, function: &str, argument: &Value, depth: usize) -> Result<Value> {
        match function {
            "Ref" => self.reference(at, text(at, argument)?),
            "Condition" => self.condition_at(at, text(at, argument)?, depth).map(Value::Bool),
            "Fn::GetAtt" => self.attribute(at, argument, depth),
            "Fn::Sub" => self.substitute(at, argument, depth),
            "Fn::If" => self.choose(at, argument, depth),
            "Fn::Equals" => self.pair(at, argument, depth).map(|(a, b)| Value::Bool(a == b)),
            "Fn::Not" => {
                let values = self.booleans(at, argument, depth)?;
                Ok(Value::Bool(!values.first().copied().unwrap_or(false)))
            }
            "Fn::And" => Ok(Value::Bool(self.booleans(at, argument, depth)?.into_iter().all(|b| b))),
            "Fn::Or" => Ok(Value::Bool(self.booleans(at, argument, depth)?.into_iter().any(|b| b))),
            "Fn::Join" => self.join_list(at, argument, depth),
            "Fn::Split" => self.split_text(at, argument, depth),
            "Fn::Select" => self.select(at, argument, depth),
            "Fn::FindInMap" => self.find_in_map(at, argument, depth),
            "Fn::Base64" => {
                let value = self.eval_at(at, argument, depth)?;
                Ok(base64::engine::general_purpose::STANDARD.encode(text(at, &value)?).into())
            }
            other => Err(TemplateError::new(
                at,
                format!("the function `{other}` is unknown to the local cloud"),
                "use one it knows (Ref, Sub, GetAtt, If, Join, …)",
            )),
        }
    }

    fn reference(&self, at: &str, name: &str) -> Result<Value> {
        if name == "AWS::NoValue" {
            return Ok(NO_VALUE.into());
        }
        if let Some(value) = names::pseudo(name) {
            return Ok(value.into());
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        names::reference(self, at, name).map(Value::String)
    }

    fn attribute(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let argument = self.eval_at(at, argument, depth)?;
        let parts: Vec<&str> = argument.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let [resource, attribute] = parts[..] else {
            return Err(TemplateError::new(at, "`GetAtt` wants `Resource.Attribute`", "write both"));
        };
        names::attribute(self, at, resource, attribute).map(Value::String)
    }

    fn substitute(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let (pattern, local) = match argument {
            Value::Array(items) if items.len() == 2 => (&items[0], self.eval_at(at, &items[1], depth)?),
            other => (other, Value::Null),
        };
        let mut rest = text(at, pattern)?;
        let mut out = String::with_capacity(rest.len());
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                return Err(TemplateError::new(at, "a `${` in `Sub` is never closed", "add the `}`"));
            };
            let name = rest[start + 2..start + length].trim();
            rest = &rest[start + length + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
            } else {
                out.push_str(&self.variable(at, name, &local)?);
            }
        }
        out.push_str(rest);
        Ok(out.into())
    }

    fn variable(&self, at: &str, name: &str, local: &Value) -> Result<String> {
        let value = match local.get(name) {
            Some(value) => value.clone(),
            None => match name.split_once('.') {
                Some((resource, attribute)) => names::attribute(self, at, resource, attribute)?.into(),
                None => self.reference(at, name)?,
            },
        };
        plain(at, &value)
    }

    fn choose(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let [name, yes, no] = arguments::<3>(at, "Fn::If", argument)?;
        let branch = if self.condition_at(at, text(at, name)?, depth)? { yes } else { no };
        self.eval_at(at, branch, depth)
    }

    fn condition_at(&self, at: &str, name: &str, depth: usize) -> Result<bool> {
        let Some(expression) = self.conditions.get(name) else {
            let what = format!("the condition `{name}` does not exist");
            return Err(TemplateError::new(at, what, "declare it under `Conditions`"));
        };
        let at = format!("Conditions.{name}");
        as_bool(&at, &self.eval_at(&at, expression, depth + 1)?)
    }

    fn booleans(&self, at: &str, argument: &Value, depth: usize) -> Result<Vec<bool>> {
        let values = self.eval_at(at, argument, depth)?;
        values.as_array().into_iter().flatten().map(|v| as_bool(at, v)).collect()
    }

    fn pair(&self, at: &str, argument: &Value, depth: usize) -> Result<(String, String)> {
        let [a, b] = arguments::<2>(at, "Fn::Equals", argument)?;
        Ok((plain(at, &self.eval_at(at, a, depth)?)?, plain(at, &self.eval_at(at, b, depth)?)?))
    }

    fn join_list(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let [separator, list] = arguments::<2>(at, "Fn::Join", argument)?;
        let separator = plain(at, &self.eval_at(at, separator, depth)?)?;
        let list = self.eval_at(at, list, depth)?;
        let parts: Result<Vec<String>> =
            list.as_array().into_iter().flatten().map(|v| plain(at, v)).collect();
        Ok(parts?.join(&separator).into())
    }

    fn split_text(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let [separator, value] = arguments::<2>(at, "Fn::Split", argument)?;
        let separator = plain(at, &self.eval_at(at, separator, depth)?)?;
        let value = plain(at, &self.eval_at(at, value, depth)?)?;
        Ok(value.split(separator.as_str()).collect::<Vec<_>>().into())
    }

    fn select(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let [index, list] = arguments::<2>(at, "Fn::Select", argument)?;
        let index = plain(at, &self.eval_at(at, index, depth)?)?;
        let list = self.eval_at(at, list, depth)?;
        let item = index.parse::<usize>().ok().and_then(|i| list.get(i).cloned());
        item.ok_or_else(|| TemplateError::new(at, "`Select` points outside its list", "correct the index"))
    }

    fn find_in_map(&self, at: &str, argument: &Value, depth: usize) -> Result<Value> {
        let argument = self.eval_at(at, argument, depth)?;
        let keys: Result<Vec<String>> =
            argument.as_array().into_iter().flatten().map(|v| plain(at, v)).collect();
        let keys = keys?;
        let found = keys.iter().try_fold(None::<&Value>, |found, key| match found {
            None => self.mappings.get(key).map(Some),
            Some(value) => value.get(key).map(Some),
        });
        found.flatten().cloned().ok_or_else(|| {
            TemplateError::new(
                at,
                format!("`Mappings` has no {}", keys.join(".")),
                "declare it under `Mappings`",
            )
        })
    }
}

fn single_function(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = map.iter().next().filter(|_| map.len() == 1)?;
    // `Condition` is a function only with a text argument; in an IAM statement it is an object.
    let is_function = key == "Ref" || key.starts_with("Fn::") || (key == "Condition" && value.is_string());
    is_function.then_some((key.as_str(), value))
}

fn arguments<'v, const N: usize>(at: &str, function: &str, value: &'v Value) -> Result<[&'v Value; N]> {
    let items: Vec<&Value> = value.as_array().into_iter().flatten().collect();
    items.try_into().map_err(|_| {
        TemplateError::new(at, format!("`{function}` wants {N} arguments"), "write a list of them")
    })
}

fn text<'v>(at: &str, value: &'v Value) -> Result<&'v str> {
    value.as_str().ok_or_else(|| TemplateError::new(at, format!("text is wanted, not {value}"), "write text"))
}

/// A scalar as CloudFormation would splice it into text.
pub(super) fn plain(at: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(s) => Ok(s.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        // A `CommaDelimitedList` parameter.
        Value::Array(items) => {
            let items: Result<Vec<String>> = items.iter().map(|v| plain(at, v)).collect();
            Ok(items?.join(","))
        }
        _ => Err(TemplateError::new(
            at,
            format!("a plain value is wanted, not {value}"),
            "write text or a number",
        )),
    }
}

fn as_bool(at: &str, value: &Value) -> Result<bool> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::String(s) if s == "true" => Ok(true),
        Value::String(s) if s == "false" => Ok(false),
        _ => Err(TemplateError::new(
            at,
            format!("a condition is wanted, not {value}"),
            "use Equals, Not, And, Or",
        )),
    }
}

fn is_no_value(value: &Value) -> bool {
    value.as_str() == Some(NO_VALUE)
}
