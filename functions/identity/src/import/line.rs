//! A line of a file of accounts.

use std::str::FromStr;

use kernel::{Error, Fault, Result, input, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Format;
use crate::{
    email::Email,
    password::hash::{HashError, StoredHash},
    username::Username,
};

/// What a file may tell of an account.
const COLUMNS: [&str; 4] = ["email", "username", "password_hash", "email_verified"];

/// How much is told of what is wrong with a line.
const DETAIL_CHARS_MAX: usize = 300;

/// The shortest username there is.
const USERNAME_CHARS_MIN: usize = 3;

kernel::input! {
    /// An account as a file tells of it.
    #[derive(Debug)]
    pub(super) struct Line {
        pub(super) email: Email,
        pub(super) username: Option<Username>,
        pub(super) password_hash: ImportedHash,
        pub(super) email_verified: Option<bool>,
    }
}

/// A hash of another system.
#[derive(Debug)]
pub(super) struct ImportedHash(pub(super) StoredHash);

impl FromStr for ImportedHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        StoredHash::imported(text).map(Self).map_err(|error| match error {
            HashError::TooCostly => "costs more than a login may",
            _ => "must be a hash of bcrypt, like $2b$12$…",
        })
    }
}

kernel::text_input!(ImportedHash);

/// Why a line was refused. Quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LineFault {
    /// Which line, from 1.
    line: u64,
    /// What is wrong with it.
    detail: String,
}

impl LineFault {
    pub(super) fn new(line: u64, detail: &str) -> Self {
        Self { line, detail: detail.to_owned() }
    }

    pub(super) fn of(line: u64, error: &Error) -> Self {
        let detail = match error {
            Error::Invalid(faults) => {
                let told: Vec<String> = faults.iter().map(told).collect();
                told.join("; ").chars().take(DETAIL_CHARS_MAX).collect()
            }
            // A parser's message may quote what it has read.
            Error::Malformed(_) => "is not JSON, or has not the fields of the header".to_owned(),
            error => error.to_string(),
        };
        Self { line, detail }
    }
}

/// A fault in words of ours: the names of fields that nobody knows may be anything.
fn told(fault: &Fault) -> String {
    let is_known = COLUMNS.iter().any(|column| fault.pointer.strip_prefix('/') == Some(column));
    if is_known || fault.pointer.is_empty() {
        format!("{} {}", fault.pointer, fault.detail)
    } else {
        "a field is not known".to_owned()
    }
}

/// The lines of a file, each with its number; empty ones are left out.
///
/// # Errors
/// [`Error::Malformed`] for a file that has no header, or is not UTF-8.
pub(super) fn lines(file: &[u8], format: Format) -> Result<Vec<(u64, Result<Line>)>> {
    match format {
        Format::Ndjson => Ok(ndjson(file)),
        Format::Csv => csv(file),
    }
}

fn ndjson(file: &[u8]) -> Vec<(u64, Result<Line>)> {
    let lines = file.split(|byte| *byte == b'\n').zip(1..);
    let full = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    full.map(|(line, number)| (number, json::parse(line).and_then(|value| input::parse(&value)))).collect()
}

fn csv(file: &[u8]) -> Result<Vec<(u64, Result<Line>)>> {
    let mut reader = ::csv::Reader::from_reader(file);
    let header = reader.headers().map_err(|error| Error::Malformed(format!("the header: {error}").into()))?;
    if !header.iter().all(|name| COLUMNS.contains(&name)) || !header.iter().any(|name| name == COLUMNS[0]) {
        let wanted = format!("the first line must name the columns, which are {}", COLUMNS.join(", "));
        return Err(Error::conflict("header_unknown", wanted));
    }
    let header = header.clone();
    let records = reader.into_records().map(|record| {
        let number = match &record {
            Ok(record) => record.position().map(::csv::Position::line),
            Err(error) => error.position().map(::csv::Position::line),
        };
        let line = record
            .map_err(|_| Error::Malformed("the line".into()))
            .and_then(|record| input::parse(&object(&header, &record)));
        (number.unwrap_or_default(), line)
    });
    Ok(records.collect())
}

/// A record as the object that a line of NDJSON would be; an empty field is none.
fn object(header: &::csv::StringRecord, record: &::csv::StringRecord) -> Value {
    let fields = header.iter().zip(record).filter(|(_, field)| !field.is_empty());
    let object: Map<String, Value> = fields
        .map(|(name, field)| {
            let value = match (name, field) {
                ("email_verified", "true") => Value::Bool(true),
                ("email_verified", "false") => Value::Bool(false),
                _ => Value::String(field.to_owned()),
            };
            (name.to_owned(), value)
        })
        .collect();
    Value::Object(object)
}

/// A username for who brings none: what stands before the `@`, as far as it may stand in one.
///
/// # Errors
/// [`Error::Conflict`] when none can be made of it.
pub(super) fn username_for(email: &Email) -> Result<Username> {
    let kept: String =
        email.local().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let kept = kept.trim_matches('-');
    let username = (kept.len() >= USERNAME_CHARS_MIN).then(|| kept.parse().ok()).flatten();
    username
        .ok_or_else(|| Error::conflict("username_needed", "/username is required: the address gives none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuSAmvhM4XCrTzFMZxmtyERsHpS3RcTwK";

    fn faults(file: &str, format: Format) -> Vec<(u64, Option<LineFault>)> {
        let read = lines(file.as_bytes(), format).unwrap();
        read.into_iter()
            .map(|(number, line)| (number, line.err().map(|error| LineFault::of(number, &error))))
            .collect()
    }

    #[test]
    fn both_forms_tell_the_same() {
        let csv = format!(
            "email,username,password_hash,email_verified\nann@example.com,ann,{HASH},true\nbob@example.com,,{HASH},\n"
        );
        let ndjson = format!(
            "{{\"email\":\"ann@example.com\",\"username\":\"ann\",\"password_hash\":\"{HASH}\",\"email_verified\":true}}\n\n\
             {{\"email\":\"bob@example.com\",\"password_hash\":\"{HASH}\"}}\n"
        );
        for (file, format, numbers) in [(&csv, Format::Csv, [2, 3]), (&ndjson, Format::Ndjson, [1, 3])] {
            let read = lines(file.as_bytes(), format).unwrap();
            assert_eq!(read.iter().map(|(number, _)| *number).collect::<Vec<_>>(), numbers);
            let read: Vec<Line> = read.into_iter().map(|(_, line)| line.unwrap()).collect();
            assert_eq!(read[0].email_verified, Some(true), "{format:?}");
            assert!(read[1].username.is_none() && read[1].email.as_str() == "bob@example.com");
        }
    }

    #[test]
    fn each_refused_line_says_why_and_quotes_nothing() {
        let csv = format!(
            "email,username,password_hash\nann,ann,{HASH}\nbob@example.com,bob,secret\ncarl@example.com,carl\n\
             dora@example.com,dora,{}\n",
            HASH.replacen("04", "31", 1)
        );
        let told = faults(&csv, Format::Csv);
        let told: Vec<(u64, String)> =
            told.into_iter().map(|(number, fault)| (number, fault.unwrap().detail)).collect();
        assert!(told[0].1.starts_with("/email "), "{told:?}");
        assert_eq!(told[1], (3, "/password_hash must be a hash of bcrypt, like $2b$12$…".to_owned()));
        assert_eq!(told[2], (4, "is not JSON, or has not the fields of the header".to_owned()));
        assert_eq!(told[3], (5, "/password_hash costs more than a login may".to_owned()));
        assert!(!format!("{told:?}").contains("secret"));
        let json = faults("{\"email\": 1}\nnot json\n", Format::Ndjson);
        assert!(json[0].1.as_ref().unwrap().detail.contains("/email must be a string"), "{json:?}");
        assert_eq!(json[1].1, Some(LineFault::new(2, "is not JSON, or has not the fields of the header")));
    }

    #[test]
    fn what_is_not_known_is_not_named() {
        let without_header = format!("ann@example.com,ann,{HASH}\nbob@example.com,bob,{HASH}\n");
        let Err(Error::Conflict { rule: "header_unknown", detail }) =
            lines(without_header.as_bytes(), Format::Csv)
        else {
            panic!("the first line is no header")
        };
        assert!(!detail.contains("ann"), "{detail}");
        let told = faults("{\"ann@example.com\": 1}\n", Format::Ndjson);
        let told = told[0].1.clone().unwrap().detail;
        assert!(told.contains("a field is not known") && !told.contains("ann"), "{told}");
    }

    #[test]
    fn a_username_is_made_of_the_address() {
        for (email, username) in [
            ("ann.lee+x@example.com", Some("ann-lee-x")),
            ("a@example.com", None),
            ("bob@example.com", Some("bob")),
        ] {
            let made = username_for(&email.parse().unwrap()).ok();
            assert_eq!(made.as_ref().map(Username::as_str), username, "{email}");
        }
    }
}
