//! Buckets: making, deleting, listing.

use http::StatusCode;
use rusqlite::{Connection, params};

use super::target::Target;
use super::xml::Document;
use super::{Answer, S3, empty, iso_date, set};
use crate::wire::Fault;

/// S3 lists no more than this at once.
const KEYS_MAX: usize = 1000;

impl S3 {
    pub(super) fn list_buckets(&self) -> Answer {
        let connection = self.db.lock();
        let mut select = connection.prepare_cached("SELECT name, created_ms FROM buckets ORDER BY name")?;
        let rows: Result<Vec<(String, i64)>, _> =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect();
        let mut document = Document::new();
        document.root("ListAllMyBucketsResult").open("Buckets");
        for (name, created) in rows? {
            document
                .open("Bucket")
                .leaf("Name", &name)
                .leaf("CreationDate", &iso_date(created))
                .close("Bucket");
        }
        Ok(document.close("Buckets").close("ListAllMyBucketsResult").reply())
    }

    pub(super) fn create_bucket(&self, target: &Target) -> Answer {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !(3..=63).contains(&target.bucket.len()) || !target.bucket.chars().all(legal) {
            return Err(Fault::client("InvalidBucketName", "The specified bucket is not valid."));
        }
        self.declare(&target.bucket)?;
        let mut reply = empty(StatusCode::OK);
        set(reply.headers_mut(), "location", &format!("/{}", target.bucket));
        Ok(reply)
    }

    pub(super) fn delete_bucket(&self, target: &Target) -> Answer {
        self.with_bucket(target, |connection| {
            let used: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)",
                [&target.bucket],
                |row| row.get(0),
            )?;
            if used {
                return Err(Fault::client("BucketNotEmpty", "The bucket you tried to delete is not empty")
                    .status(409));
            }
            connection.execute("DELETE FROM buckets WHERE name = ?1", [&target.bucket])?;
            Ok(empty(StatusCode::NO_CONTENT))
        })
    }

    /// `ListObjectsV2`, and the first version of it.
    pub(super) fn list(&self, target: &Target) -> Answer {
        let is_v2 = target.parameter("list-type") == "2";
        let max = target.parameter("max-keys").parse().unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let token = if is_v2 { target.parameter("continuation-token") } else { "" };
        let after = [token, target.parameter(if is_v2 { "start-after" } else { "marker" })];
        let after = after.into_iter().find(|a| !a.is_empty()).unwrap_or_default();
        self.with_bucket(target, |connection| {
            let page = page(connection, target, after, max)?;
            Ok(answer(target, &page, is_v2, max))
        })
    }
}

struct Listed {
    key: String,
    etag: String,
    size: i64,
    modified_ms: i64,
}

#[derive(Default)]
struct Page {
    objects: Vec<Listed>,
    prefixes: Vec<String>,
    /// The last key or prefix of a page that does not end the list.
    next: Option<String>,
}

fn page(connection: &Connection, target: &Target, after: &str, max: usize) -> Result<Page, Fault> {
    let (prefix, delimiter) = (target.parameter("prefix"), target.parameter("delimiter"));
    let mut select = connection.prepare_cached(
        "SELECT key, etag, length(body), modified_ms FROM objects
         WHERE bucket = ?1 AND key > ?2 AND substr(key, 1, length(?3)) = ?3 ORDER BY key",
    )?;
    let mut rows = select.query(params![target.bucket, after, prefix])?;
    let mut page = Page::default();
    let mut last = String::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let common = (!delimiter.is_empty())
            .then(|| key[prefix.len()..].find(delimiter))
            .flatten()
            .map(|at| key[..prefix.len() + at + delimiter.len()].to_owned());
        // Keys under a prefix already told, on this page or the one before.
        if common.as_deref().is_some_and(|c| page.prefixes.last().is_some_and(|p| p == c) || c == after) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == max {
            page.next = Some(last);
            break;
        }
        if let Some(common) = common {
            last.clone_from(&common);
            page.prefixes.push(common);
        } else {
            last.clone_from(&key);
            page.objects.push(Listed { key, etag: row.get(1)?, size: row.get(2)?, modified_ms: row.get(3)? });
        }
    }
    Ok(page)
}

fn answer(target: &Target, page: &Page, is_v2: bool, max: usize) -> crate::wire::Reply {
    let encodes = target.parameter("encoding-type") == "url";
    let name = |text: &str| {
        if encodes { url_encode(text) } else { text.to_owned() }
    };
    let mut document = Document::new();
    document.root("ListBucketResult").leaf("Name", &target.bucket);
    document.leaf("Prefix", &name(target.parameter("prefix"))).leaf("MaxKeys", &max.to_string());
    if !target.parameter("delimiter").is_empty() {
        document.leaf("Delimiter", &name(target.parameter("delimiter")));
    }
    if encodes {
        document.leaf("EncodingType", "url");
    }
    document.leaf("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    if is_v2 {
        document.leaf("KeyCount", &(page.objects.len() + page.prefixes.len()).to_string());
    }
    if let Some(next) = &page.next {
        document.leaf(if is_v2 { "NextContinuationToken" } else { "NextMarker" }, next);
    }
    for object in &page.objects {
        document.open("Contents").leaf("Key", &name(&object.key));
        document.leaf("LastModified", &iso_date(object.modified_ms)).leaf("ETag", &object.etag);
        document.leaf("Size", &object.size.to_string()).leaf("StorageClass", "STANDARD").close("Contents");
    }
    for prefix in &page.prefixes {
        document.open("CommonPrefixes").leaf("Prefix", &name(prefix)).close("CommonPrefixes");
    }
    document.close("ListBucketResult").reply()
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(byte.into());
            }
            byte => {
                use std::fmt::Write as _;
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
