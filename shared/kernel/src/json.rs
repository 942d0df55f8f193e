//! Strict JSON: what two parsers could read differently is refused.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{Error, Result, input::cut};

/// How much of a name is quoted, in characters.
const NAME_MAX: usize = 64;

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 32;

/// Parses JSON text (RFC 8259) with unique names (RFC 7493 §2.3) and limited nesting.
///
/// # Errors
/// [`Error::Malformed`], naming line and column.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Error::Malformed(format!("the body is not JSON: {error}").into()))
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if object.contains_key(&name) {
                let name = cut(&name, NAME_MAX);
                return Err(de::Error::custom(format_args!("the name {name:?} stands twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = br#" {"a": [1, -2, 3.5, "\u00e9", null, true, {}], "b": {"c": 18446744073709551615}} "#;
        assert_eq!(parse(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
        assert_eq!(parse(b"null").unwrap(), json!(null));
    }

    #[test]
    fn refuses_what_is_ambiguous_broken_or_deep() {
        let deep = |n: usize| [b"[".repeat(n), b"]".repeat(n)].concat();
        assert!(parse(&deep(DEPTH_MAX)).is_ok());
        let cases: [(&str, Vec<u8>); 9] = [
            ("empty", Vec::new()),
            ("duplicate name", br#"{"a":1,"a":2}"#.to_vec()),
            ("nested duplicate", br#"[{"a":{"b":1,"b":1}}]"#.to_vec()),
            ("too deep", deep(DEPTH_MAX + 1)),
            ("a megabyte of brackets", b"[".repeat(1 << 20)),
            ("trailing", b"{} x".to_vec()),
            ("invalid UTF-8", b"\"\xff\"".to_vec()),
            ("NaN", b"NaN".to_vec()),
            ("too large a number", b"1e999".to_vec()),
        ];
        for (name, text) in cases {
            assert!(matches!(parse(&text), Err(Error::Malformed(_))), "{name}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_quoted_in_short() {
        let name = "n".repeat(500_000);
        let Err(Error::Malformed(detail)) = parse(format!(r#"{{"{name}":1,"{name}":2}}"#).as_bytes()) else {
            panic!("a name may stand once");
        };
        assert!(detail.contains(&format!("the name \"{}…\" stands twice", "n".repeat(63))), "{detail:.200}");
    }
}
