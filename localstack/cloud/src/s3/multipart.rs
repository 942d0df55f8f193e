//! Multipart uploads.

use http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::object::{Object, kept, located, save};
use super::target::Target;
use super::xml::{Document, texts};
use super::{Answer, S3, checksum, chunked, empty, set};
use crate::wire::{Fault, Request};

impl S3 {
    pub(super) fn start_upload(&self, target: &Target, request: &Request) -> Answer {
        let mut headers = kept(request.headers());
        // The parts have their checksums; the whole gets none.
        headers.retain(|name, _| !name.starts_with("x-amz-checksum-"));
        let headers = serde_json::to_string(&headers).unwrap_or_default();
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.with_bucket(target, |connection| {
            connection.execute(
                "INSERT INTO uploads VALUES (?1, ?2, ?3, ?4)",
                params![id, target.bucket, target.key, headers],
            )?;
            let mut document = Document::new();
            document
                .root("InitiateMultipartUploadResult")
                .leaf("Bucket", &target.bucket)
                .leaf("Key", &target.key);
            Ok(document.leaf("UploadId", &id).close("InitiateMultipartUploadResult").reply())
        })
    }

    pub(super) fn put_part(&self, target: &Target, request: &Request) -> Answer {
        let number = target.parameter("partNumber").parse::<u32>().ok().filter(|n| (1..=10_000).contains(n));
        let number = number
            .ok_or_else(|| Fault::client("InvalidArgument", "Part number must be between 1 and 10000."))?;
        let (body, headers) = chunked::body(request)?;
        checksum::check(&headers, &body)?;
        let etag = format!("\"{:x}\"", md5::compute(&body));
        self.with_bucket(target, |connection| {
            find(connection, target)?;
            connection.execute(
                "INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3, ?4)",
                params![target.parameter("uploadId"), number, &body[..], etag],
            )?;
            let mut reply = empty(StatusCode::OK);
            set(reply.headers_mut(), "etag", &etag);
            Ok(reply)
        })
    }

    pub(super) fn complete_upload(&self, target: &Target, request: &Request) -> Answer {
        let (list, _) = chunked::body(request)?;
        let list = String::from_utf8_lossy(&list);
        let now = self.clock.now_ms();
        self.with_bucket(target, |connection| {
            let transaction = connection.transaction()?;
            let headers = find(&transaction, target)?;
            let (mut body, mut digests) = (Vec::new(), Vec::new());
            for part in texts(&list, "Part") {
                let (data, digest) = part_of(&transaction, target.parameter("uploadId"), &part)?;
                body.extend(data);
                digests.extend(digest);
            }
            if digests.is_empty() {
                return Err(Fault::client("MalformedXML", "You must specify at least one part"));
            }
            let etag = format!("\"{:x}-{}\"", md5::compute(&digests), digests.len() / 16);
            let headers = serde_json::from_str(&headers).unwrap_or_default();
            save(&transaction, target, &Object { body, etag: etag.clone(), headers, modified_ms: now })?;
            forget(&transaction, target)?;
            transaction.commit()?;
            Ok(located(Document::new().root("CompleteMultipartUploadResult"), target, &etag))
        })
    }

    pub(super) fn abort_upload(&self, target: &Target) -> Answer {
        self.with_bucket(target, |connection| {
            find(connection, target)?;
            forget(connection, target)?;
            Ok(empty(StatusCode::NO_CONTENT))
        })
    }
}

/// The headers the upload was started with.
fn find(connection: &Connection, target: &Target) -> Result<String, Fault> {
    let mut select = connection
        .prepare_cached("SELECT headers FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3")?;
    let headers = select
        .query_row([target.parameter("uploadId"), &target.bucket, &target.key], |row| row.get(0))
        .optional()?;
    headers.ok_or_else(|| Fault::client("NoSuchUpload", "The specified upload does not exist.").status(404))
}

/// One listed part, which must be the one that was uploaded.
fn part_of(connection: &Connection, upload: &str, listed: &str) -> Result<(Vec<u8>, [u8; 16]), Fault> {
    let number: u32 = texts(listed, "PartNumber").first().and_then(|n| n.parse().ok()).unwrap_or_default();
    let etag = texts(listed, "ETag").first().map(|e| e.trim_matches('"').to_owned()).unwrap_or_default();
    let mut select =
        connection.prepare_cached("SELECT body, etag FROM parts WHERE upload = ?1 AND number = ?2")?;
    let part: Option<(Vec<u8>, String)> =
        select.query_row(params![upload, number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match part {
        Some((body, stored)) if stored.trim_matches('"') == etag => {
            let digest = md5::compute(&body).0;
            Ok((body, digest))
        }
        _ => Err(Fault::client(
            "InvalidPart",
            format!("Part {number} was not uploaded, or with another ETag."),
        )),
    }
}

fn forget(connection: &Connection, target: &Target) -> Result<(), Fault> {
    let id = target.parameter("uploadId");
    connection.execute("DELETE FROM parts WHERE upload = ?1", [id])?;
    connection.execute("DELETE FROM uploads WHERE id = ?1", [id])?;
    Ok(())
}
