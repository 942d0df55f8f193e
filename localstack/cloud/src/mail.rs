//! SES v2: `SendEmail` into a mailbox that can be read.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::params;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;
use crate::db::Db;
use crate::wire::{Fault, Reply, Request, json_body, json_reply, text};

/// A mail that was sent, one per recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text body; the HTML one where there is no text.
    pub text: String,
    /// When it was sent, RFC 3339.
    pub at: String,
}

/// The mail service.
pub(crate) struct Mailbox {
    db: Arc<Db>,
    clock: Clock,
}

impl Mailbox {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self { db, clock }
    }

    pub(crate) fn call(&self, request: &Request) -> Reply {
        let asked = (request.method().as_str(), request.uri().path());
        let result = match asked {
            ("POST", "/v2/email/outbound-emails") => self.send(request.body()),
            (method, path) => {
                Err(Fault::client("NotFoundException", format!("The local cloud has no {method} {path}."))
                    .status(404))
            }
        };
        match result {
            Ok(body) => json_reply(200, &body),
            Err(fault) => fault.json(),
        }
    }

    fn send(&self, body: &[u8]) -> Result<Value, Fault> {
        let input = json_body(body)?;
        if text(&input, "FromEmailAddress").is_none_or(str::is_empty) {
            return Err(Fault::client("BadRequestException", "Missing From address."));
        }
        let (subject, content) = content(&input["Content"])?;
        let recipients: Vec<&str> = ["ToAddresses", "CcAddresses", "BccAddresses"]
            .iter()
            .flat_map(|kind| input["Destination"][kind].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        if recipients.is_empty() || recipients.iter().any(|to| !to.contains('@')) {
            return Err(Fault::client("BadRequestException", "Illegal or missing recipient."));
        }
        // To the millisecond, as every time in the API.
        let at = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(self.clock.now_ms().unsigned_abs());
        let at = at.format(&Rfc3339).map_err(|e| Fault::client("BadRequestException", e.to_string()))?;
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        for to in recipients {
            transaction
                .prepare_cached("INSERT INTO mails (recipient, subject, text, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![to, subject, content, at])?;
        }
        transaction.commit()?;
        Ok(json!({ "MessageId": uuid::Uuid::new_v4().to_string() }))
    }

    /// The mail sent so far, oldest first.
    pub(crate) fn mail(&self, to: Option<&str>) -> rusqlite::Result<Vec<Mail>> {
        let connection = self.db.lock();
        let mut select = connection.prepare_cached(
            "SELECT recipient, subject, text, at FROM mails WHERE ?1 IS NULL OR recipient = ?1 ORDER BY seq",
        )?;
        let mails = select.query_map([to], |row| {
            Ok(Mail { to: row.get(0)?, subject: row.get(1)?, text: row.get(2)?, at: row.get(3)? })
        })?;
        mails.collect()
    }
}

/// Subject and text, of a simple mail or of a raw one.
fn content(content: &Value) -> Result<(String, String), Fault> {
    let data = |part: &Value| text(part, "Data").map(str::to_owned);
    if let simple @ Value::Object(_) = &content["Simple"] {
        let body = data(&simple["Body"]["Text"]).or_else(|| data(&simple["Body"]["Html"]));
        return match (data(&simple["Subject"]), body) {
            (Some(subject), Some(body)) => Ok((subject, body)),
            _ => Err(Fault::client("BadRequestException", "Subject and body are required.")),
        };
    }
    let raw = text(&content["Raw"], "Data").and_then(|data| STANDARD.decode(data).ok());
    let Some(raw) = raw else {
        return Err(Fault::client("BadRequestException", "The local cloud sends simple and raw mail only."));
    };
    let raw = String::from_utf8_lossy(&raw);
    let (head, body) = raw.split_once("\r\n\r\n").or_else(|| raw.split_once("\n\n")).unwrap_or((&raw, ""));
    let subject = head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
    Ok((subject.to_owned(), body.to_owned()))
}
