//! Reading untrusted JSON: parsed into types that cannot be wrong, every fault found at once.
//!
//! [`input!`](crate::input) declares a request body; its fields are types that implement [`Input`].
//! A type that is written as text implements `FromStr` and gets its `Input` from [`text_input!`](crate::text_input).

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    str::FromStr,
};

use serde_json::{Map, Value};

use crate::{Error, Fault, Result};

/// A place in the body: a JSON Pointer (RFC 6901) under construction.
#[derive(Clone, Debug, Default)]
pub struct Pointer(String);

impl Pointer {
    /// The place of `key` inside this one.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}/{}", self.0, key.replace('~', "~0").replace('/', "~1")))
    }

    /// The place of element `index` inside this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut place = self.0.clone();
        let _ = write!(place, "/{index}");
        Self(place)
    }
}

/// How many faults are told. A body has room for a hundred thousand, and an answer has not.
const FAULTS_MAX: usize = 100;

/// How much of a place is told, in characters: names in a body may be as long as the body.
const POINTER_MAX: usize = 200;

/// The faults found so far: the first hundred, and one that says so when there are more.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault at a place.
    pub fn push(&mut self, at: &Pointer, detail: impl Into<Cow<'static, str>>) {
        match self.0.len() {
            0..FAULTS_MAX => self.0.push(Fault { pointer: cut(&at.0, POINTER_MAX), detail: detail.into() }),
            FAULTS_MAX => {
                let detail = "has more faults than are told here";
                self.0.push(Fault { pointer: String::new(), detail: detail.into() });
            }
            _ => {}
        }
    }
}

/// The text, or so many characters of it of which the last says that there were more.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

/// A type that is read from JSON. `None` means that at least one fault was noted.
pub trait Input: Sized {
    /// Reads the value at a place.
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self>;

    /// What stands for a missing field: a fault, unless the type has room for absence.
    fn absent(at: &Pointer, faults: &mut Faults) -> Option<Self> {
        faults.push(at, "is required");
        None
    }
}

/// Reads a whole body.
///
/// # Errors
/// [`Error::Invalid`] with every fault.
pub fn parse<T: Input>(value: &Value) -> Result<T> {
    let mut faults = Faults::default();
    match T::read(value, &Pointer::default(), &mut faults) {
        Some(input) if faults.0.is_empty() => Ok(input),
        _ => Err(Error::Invalid(faults.0)),
    }
}

/// Reads an object field by field; what nobody asked for is a fault.
pub struct ObjectReader<'a> {
    object: &'a Map<String, Value>,
    at: &'a Pointer,
}

impl<'a> ObjectReader<'a> {
    /// Starts reading, or notes that this is no object.
    pub fn new(value: &'a Value, at: &'a Pointer, faults: &mut Faults) -> Option<Self> {
        let Value::Object(object) = value else {
            faults.push(at, "must be an object");
            return None;
        };
        Some(Self { object, at })
    }

    /// Reads one field.
    pub fn field<T: Input>(&self, name: &str, faults: &mut Faults) -> Option<T> {
        let at = self.at.key(name);
        match self.object.get(name) {
            Some(value) => T::read(value, &at, faults),
            None => T::absent(&at, faults),
        }
    }

    /// Notes every field whose name is not known.
    pub fn refuse_unknown(&self, known: &[&str], faults: &mut Faults) {
        for name in self.object.keys().filter(|name| !known.contains(&name.as_str())) {
            faults.push(&self.at.key(name), "is not a known field");
        }
    }
}

/// Declares a request body: a struct whose fields are read by [`Input`], unknown fields refused.
#[macro_export]
macro_rules! input {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $crate::input::Input for $name {
            fn read(
                value: &$crate::input::JsonValue,
                at: &$crate::input::Pointer,
                faults: &mut $crate::input::Faults,
            ) -> Option<Self> {
                let object = $crate::input::ObjectReader::new(value, at, faults)?;
                $(let $field = object.field::<$type>($crate::input::plain(stringify!($field)), faults);)*
                object.refuse_unknown(&[$($crate::input::plain(stringify!($field))),*], faults);
                Some(Self { $($field: $field?),* })
            }
        }
    };
}

#[doc(hidden)]
pub use serde_json::Value as JsonValue;

/// The name of a field that is called like a keyword (`r#type`).
#[doc(hidden)]
pub fn plain(identifier: &'static str) -> &'static str {
    identifier.strip_prefix("r#").unwrap_or(identifier)
}

/// Gives a type that is written as text (`FromStr` with a displayable error) its [`Input`].
#[macro_export]
macro_rules! text_input {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::input::Input for $name {
            fn read(
                value: &$crate::input::JsonValue,
                at: &$crate::input::Pointer,
                faults: &mut $crate::input::Faults,
            ) -> Option<Self> {
                $crate::input::read_text(value, at, faults)
            }
        }
    )*};
}

/// Reads text and parses it; what [`text_input!`](crate::text_input) expands to.
pub fn read_text<T>(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Value::String(text) = value else {
        faults.push(at, "must be a string");
        return None;
    };
    text.parse().map_err(|error: T::Err| faults.push(at, error.to_string())).ok()
}

impl Input for String {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        read_text(value, at, faults)
    }
}

impl Input for bool {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            faults.push(at, "must be true or false");
        }
        read
    }
}

impl<T: Input> Input for Option<T> {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value, at, faults).map(Some) }
    }

    fn absent(_: &Pointer, _: &mut Faults) -> Option<Self> {
        Some(None)
    }
}

impl<T: Input> Input for Vec<T> {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        let Value::Array(values) = value else {
            faults.push(at, "must be an array");
            return None;
        };
        // Every element is read, so that every fault is found, before the first missing one ends it.
        let read: Vec<Option<T>> =
            values.iter().enumerate().map(|(i, value)| T::read(value, &at.index(i), faults)).collect();
        read.into_iter().collect()
    }
}

/// A whole number within bounds, both of them included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A number that is none of [`Whole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> fmt::Display for OutOfBounds<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be a whole number from {MIN} to {MAX}")
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u64> for Whole<MIN, MAX> {
    type Error = OutOfBounds<MIN, MAX>;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        let number = u32::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or(OutOfBounds)
    }
}

/// As a setting writes it.
impl<const MIN: u32, const MAX: u32> FromStr for Whole<MIN, MAX> {
    type Err = OutOfBounds<MIN, MAX>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u64>().map_err(|_| OutOfBounds)?.try_into()
    }
}

impl<const MIN: u32, const MAX: u32> Input for Whole<MIN, MAX> {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        let number = value.as_u64().ok_or(OutOfBounds).and_then(Self::try_from);
        number.map_err(|fault| faults.push(at, fault.to_string())).ok()
    }
}

/// A field of a change: absent, it stays as it is; `null` empties it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<T> {
    /// It stays.
    Keep,
    /// It is emptied.
    Clear,
    /// It is set.
    Set(T),
}

impl<T> Field<T> {
    /// What an optional value becomes.
    pub fn apply(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

impl<T: Input> Input for Field<T> {
    fn read(value: &Value, at: &Pointer, faults: &mut Faults) -> Option<Self> {
        if value.is_null() { Some(Self::Clear) } else { T::read(value, at, faults).map(Self::Set) }
    }

    fn absent(_: &Pointer, _: &mut Faults) -> Option<Self> {
        Some(Self::Keep)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    input! {
        #[derive(Debug, PartialEq)]
        struct Inner { flag: bool }
    }
    input! {
        #[derive(Debug, PartialEq)]
        struct Outer { name: String, note: Option<String>, inner: Vec<Inner> }
    }

    fn faults(value: &Value) -> Vec<(String, String)> {
        match parse::<Outer>(value) {
            Err(Error::Invalid(faults)) => {
                faults.into_iter().map(|fault| (fault.pointer, fault.detail.into_owned())).collect()
            }
            other => panic!("expected faults, got {other:?}"),
        }
    }

    #[test]
    fn reads_what_is_right() {
        let read: Outer = parse(&json!({"name": "n", "note": null, "inner": [{"flag": true}]})).unwrap();
        assert_eq!(read, Outer { name: "n".into(), note: None, inner: vec![Inner { flag: true }] });
    }

    #[test]
    fn finds_every_fault_at_once_with_its_place() {
        let found = faults(&json!({"note": 3, "inner": [{"flag": 1}, 7, {}], "a/b~c": 0}));
        let expected = [
            ("/name", "is required"),
            ("/note", "must be a string"),
            ("/inner/0/flag", "must be true or false"),
            ("/inner/1", "must be an object"),
            ("/inner/2/flag", "is required"),
            ("/a~1b~0c", "is not a known field"),
        ];
        assert_eq!(found, expected.map(|(at, what)| (at.to_owned(), what.to_owned())));
    }

    input! {
        #[derive(Debug, PartialEq)]
        struct Numbers { number: Option<Whole<1, 60>>, field: Field<Whole<1, 60>> }
    }

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        for (value, read) in [
            (json!(1), Some(1)),
            (json!(60), Some(60)),
            (json!(0), None),
            (json!(61), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(1e30), None),
            (json!("1"), None),
        ] {
            let parsed = parse::<Numbers>(&json!({ "number": value })).ok();
            assert_eq!(parsed.and_then(|parsed| parsed.number).map(Whole::get), read, "{value}");
        }
        let long = "9".repeat(30);
        for (text, read) in [
            ("1", Some(1)),
            ("60", Some(60)),
            ("0", None),
            ("61", None),
            ("-1", None),
            ("5m", None),
            (&long, None),
        ] {
            assert_eq!(text.parse::<Whole<1, 60>>().ok().map(Whole::get), read, "{text}");
        }
        assert_eq!(OutOfBounds::<1, 60>.to_string(), "must be a whole number from 1 to 60");
    }

    #[test]
    fn a_field_that_is_absent_is_not_one_that_is_null() {
        for (body, field, then) in [
            (json!({}), Field::Keep, Some(Whole(7))),
            (json!({"field": null}), Field::Clear, None),
            (json!({"field": 2}), Field::Set(Whole(2)), Some(Whole(2))),
        ] {
            let read: Numbers = parse(&body).unwrap();
            assert_eq!((read.field, read.field.apply(Some(Whole(7)))), (field, then), "{body}");
        }
    }

    #[test]
    fn a_hundred_faults_are_told_and_that_there_are_more() {
        let unknown = |n: usize| -> Value {
            let unknown = (0..n).map(|n| (format!("field{n:03}"), json!(0)));
            unknown.chain([("name".to_owned(), json!("n")), ("inner".to_owned(), json!([]))]).collect()
        };
        for (found, told) in [(1, 1), (99, 99), (100, 100), (101, 101), (500, 101)] {
            let faults = faults(&unknown(found));
            assert_eq!(faults.len(), told, "{found}");
            let is_cut =
                faults.last().is_some_and(|(at, what)| at.is_empty() && what.contains("more faults"));
            assert_eq!(is_cut, found > 100, "{found}");
        }
    }

    #[test]
    fn a_long_place_is_cut() {
        for (name, told) in [
            ("n".repeat(199), format!("/{}", "n".repeat(199))),
            ("n".repeat(200), format!("/{}…", "n".repeat(198))),
            ("ü".repeat(9_000), format!("/{}…", "ü".repeat(198))),
        ] {
            let body: Value = [(name, json!(0))].into_iter().collect();
            assert_eq!(faults(&body).last().unwrap().0, told);
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_one_fault() {
        assert_eq!(faults(&json!([])), [(String::new(), "must be an object".to_owned())]);
    }
}
