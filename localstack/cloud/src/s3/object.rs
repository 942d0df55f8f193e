//! Objects: put, get, copy, delete.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::target::{Target, decode};
use super::xml::{Document, texts};
use super::{Answer, S3, checksum, chunked, empty, http_date, iso_date, no_key, set};
use crate::wire::{Fault, Reply, Request};

/// Headers an object keeps besides its own metadata and checksums.
const KEPT: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];

pub(super) struct Object {
    pub(super) body: Vec<u8>,
    pub(super) etag: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) modified_ms: i64,
}

impl S3 {
    pub(super) fn put(&self, target: &Target, request: &Request) -> Answer {
        let (body, headers) = chunked::body(request)?;
        checksum::check(&headers, &body)?;
        let object = Object {
            etag: format!("\"{:x}\"", md5::compute(&body)),
            body: body.to_vec(),
            headers: kept(&headers),
            modified_ms: self.clock.now_ms(),
        };
        self.with_bucket(target, |connection| {
            let existing = etag(connection, target)?;
            check_write(request.headers(), existing.as_deref())?;
            save(connection, target, &object)?;
            let mut reply = empty(StatusCode::OK);
            set(reply.headers_mut(), "etag", &object.etag);
            add(
                reply.headers_mut(),
                object.headers.iter().filter(|(name, _)| name.starts_with("x-amz-checksum-")),
            );
            Ok(reply)
        })
    }

    pub(super) fn get(&self, target: &Target, request: &Request) -> Answer {
        self.with_bucket(target, |connection| {
            let object = load(connection, &target.bucket, &target.key)?.ok_or_else(no_key)?;
            read(request, object)
        })
    }

    pub(super) fn copy(&self, target: &Target, request: &Request) -> Answer {
        let source =
            request.headers().get("x-amz-copy-source").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let source = decode(source.trim_start_matches('/').split('?').next().unwrap_or_default());
        let (bucket, key) = source.split_once('/').ok_or_else(no_key)?;
        let replaces = request.headers().get("x-amz-metadata-directive").is_some_and(|v| v == "REPLACE");
        self.with_bucket(target, |connection| {
            let mut object = load(connection, bucket, key)?.ok_or_else(no_key)?;
            object.modified_ms = self.clock.now_ms();
            if replaces {
                object.headers = kept(request.headers());
            }
            save(connection, target, &object)?;
            let mut document = Document::new();
            document.root("CopyObjectResult").leaf("LastModified", &iso_date(object.modified_ms));
            Ok(document.leaf("ETag", &object.etag).close("CopyObjectResult").reply())
        })
    }

    pub(super) fn delete(&self, target: &Target) -> Answer {
        self.with_bucket(target, |connection| {
            remove(connection, &target.bucket, &target.key, self.clock.now_ms())?;
            Ok(empty(StatusCode::NO_CONTENT))
        })
    }

    pub(super) fn delete_many(&self, target: &Target, request: &Request) -> Answer {
        let (body, _) = chunked::body(request)?;
        let body = String::from_utf8_lossy(&body);
        let quiet = texts(&body, "Quiet").first().is_some_and(|q| q == "true");
        self.with_bucket(target, |connection| {
            let transaction = connection.transaction()?;
            let mut document = Document::new();
            document.root("DeleteResult");
            for key in texts(&body, "Key") {
                remove(&transaction, &target.bucket, &key, self.clock.now_ms())?;
                if !quiet {
                    document.open("Deleted").leaf("Key", &key).close("Deleted");
                }
            }
            transaction.commit()?;
            Ok(document.close("DeleteResult").reply())
        })
    }
}

fn read(request: &Request, object: Object) -> Answer {
    let asked = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let names = |list: &str| list == "*" || list.split(',').any(|e| e.trim() == object.etag);
    if asked(header::IF_MATCH).is_some_and(|list| !names(list)) {
        return Err(precondition_failed());
    }
    let mut reply = empty(StatusCode::OK);
    let headers = reply.headers_mut();
    set(headers, "etag", &object.etag);
    set(headers, "last-modified", &http_date(object.modified_ms));
    set(headers, "accept-ranges", "bytes");
    if asked(header::IF_NONE_MATCH).is_some_and(names) {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(reply);
    }
    let wants_checksum = request.headers().get("x-amz-checksum-mode").is_some_and(|v| v == "ENABLED");
    let size = object.body.len();
    let range = match asked(header::RANGE).map(|range| parse_range(range, size)) {
        None | Some(Asked::All) => None,
        Some(Asked::Part(from, to)) => Some((from, to)),
        Some(Asked::Nothing) => {
            return Err(Fault::client("InvalidRange", "The requested range is not satisfiable").status(416));
        }
    };
    add(
        headers,
        object
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with("x-amz-checksum-") || wants_checksum && range.is_none()),
    );
    let body = Bytes::from(object.body);
    let body = match range {
        None => body,
        Some((from, to)) => {
            set(headers, "content-range", &format!("bytes {from}-{}/{size}", to - 1));
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            body.slice(from..to)
        }
    };
    // A HEAD loses the body and must still tell its length.
    reply.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    *reply.body_mut() = body;
    Ok(reply)
}

enum Asked {
    All,
    Part(usize, usize),
    Nothing,
}

/// `bytes=from-to`, `bytes=from-`, `bytes=-last`; anything else is ignored, as HTTP says.
fn parse_range(range: &str, size: usize) -> Asked {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Asked::All;
    };
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.saturating_add(1).min(size)),
        (Ok(from), Err(_)) if to.is_empty() => (from, size),
        (Err(_), Ok(last)) if from.is_empty() => (size.saturating_sub(last), size),
        _ => return Asked::All,
    };
    if from < to { Asked::Part(from, to) } else { Asked::Nothing }
}

fn check_write(headers: &HeaderMap, existing: Option<&str>) -> Result<(), Fault> {
    let asked = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let is_refused = asked(header::IF_NONE_MATCH) == Some("*") && existing.is_some()
        || asked(header::IF_MATCH).is_some_and(|etag| existing != Some(etag));
    if is_refused { Err(precondition_failed()) } else { Ok(()) }
}

fn precondition_failed() -> Fault {
    Fault::client("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        .status(412)
}

pub(super) fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            KEPT.contains(&name)
                || name.starts_with("x-amz-meta-")
                || name.starts_with("x-amz-checksum-") && !name.ends_with("-algorithm")
        })
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn add<'h>(to: &mut HeaderMap, headers: impl Iterator<Item = (&'h String, &'h String)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            to.insert(name, value);
        }
    }
}

fn etag(connection: &Connection, target: &Target) -> Result<Option<String>, Fault> {
    let mut select = connection.prepare_cached("SELECT etag FROM objects WHERE bucket = ?1 AND key = ?2")?;
    Ok(select.query_row([&target.bucket, &target.key], |row| row.get(0)).optional()?)
}

/// Whether there is such an object.
pub(super) fn exists(connection: &Connection, target: &Target) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached("SELECT 1 FROM objects WHERE bucket = ?1 AND key = ?2")?;
    Ok(select.exists([&target.bucket, &target.key])?)
}

fn load(connection: &Connection, bucket: &str, key: &str) -> Result<Option<Object>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT body, etag, headers, modified_ms FROM objects WHERE bucket = ?1 AND key = ?2",
    )?;
    let row = select.query_row([bucket, key], |row| {
        let headers: String = row.get(2)?;
        Ok(Object {
            body: row.get(0)?,
            etag: row.get(1)?,
            headers: serde_json::from_str(&headers).unwrap_or_default(),
            modified_ms: row.get(3)?,
        })
    });
    Ok(row.optional()?)
}

pub(super) fn save(connection: &Connection, target: &Target, object: &Object) -> Result<(), Fault> {
    require_unlocked(connection, &target.bucket, &target.key, object.modified_ms)?;
    let headers = serde_json::to_string(&object.headers).unwrap_or_default();
    connection
        .prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![target.bucket, target.key, object.body, object.etag, headers, object.modified_ms])?;
    Ok(())
}

/// Object Lock, as it is without versions: what is locked is neither overwritten nor deleted.
fn require_unlocked(connection: &Connection, bucket: &str, key: &str, now_ms: i64) -> Result<(), Fault> {
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM objects JOIN locks USING (bucket)
         WHERE bucket = ?1 AND key = ?2 AND modified_ms + days * 86400000 > ?3",
    )?;
    if select.exists(params![bucket, key, now_ms])? {
        let locked = "Access Denied because object protected by object lock.";
        return Err(Fault::client("AccessDenied", locked).status(403));
    }
    Ok(())
}

fn remove(connection: &Connection, bucket: &str, key: &str, now_ms: i64) -> Result<(), Fault> {
    require_unlocked(connection, bucket, key, now_ms)?;
    connection.execute("DELETE FROM objects WHERE bucket = ?1 AND key = ?2", [bucket, key])?;
    Ok(())
}

/// The object's address, as some answers repeat it.
pub(super) fn located(document: &mut Document, target: &Target, etag: &str) -> Reply {
    document.leaf("Location", &format!("/{}/{}", target.bucket, target.key));
    document.leaf("Bucket", &target.bucket).leaf("Key", &target.key).leaf("ETag", etag);
    document.close("CompleteMultipartUploadResult").reply()
}
