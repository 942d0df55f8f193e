//! S3: buckets and objects, path-style and virtual-hosted.
//!
//! What a backend uses of S3: put, get (ranges, conditions), head, copy, delete, list, multipart uploads,
//! checksums, Object Lock. There are no versions.

mod bucket;
mod checksum;
mod chunked;
mod multipart;
mod object;
mod target;
mod xml;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rusqlite::{Connection, params};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::clock::Clock;
use crate::db::Db;
use crate::wire::{Fault, Reply, Request, reply};
use target::Target;

/// The service.
pub(crate) struct S3 {
    db: Arc<Db>,
    clock: Clock,
}

type Answer = Result<Reply, Fault>;

impl S3 {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Makes a bucket unless it exists.
    pub(crate) fn declare(&self, name: &str) -> Result<(), Fault> {
        self.db
            .lock()
            .execute("INSERT OR IGNORE INTO buckets VALUES (?1, ?2)", params![name, self.clock.now_ms()])?;
        Ok(())
    }

    /// Locks what is in a bucket for so many days after it was written.
    pub(crate) fn lock(&self, name: &str, days: u32) -> Result<(), Fault> {
        self.db.lock().execute("INSERT OR REPLACE INTO locks VALUES (?1, ?2)", params![name, days])?;
        Ok(())
    }

    /// What else a read of an object that is not there needs: only who may list the bucket is told so
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, Permissions).
    pub(crate) fn permission_to_miss(&self, request: &Request) -> Option<(String, String)> {
        let target = Target::of(request);
        let is_read = matches!(request.method().as_str(), "GET" | "HEAD") && !target.key.is_empty();
        let is_missing = is_read && !object::exists(&self.db.lock(), &target).unwrap_or(true);
        is_missing.then(|| ("s3:ListBucket".to_owned(), format!("arn:aws:s3:::{}", target.bucket)))
    }

    pub(crate) fn call(&self, request: &Request) -> Reply {
        let target = Target::of(request);
        let answer = self.answer(&target, request);
        let mut reply = answer.unwrap_or_else(|fault| xml::fault(&fault, &target));
        if request.method() == "HEAD" {
            reply.body_mut().clear();
        }
        reply
    }

    fn answer(&self, target: &Target, request: &Request) -> Answer {
        let method = request.method().as_str();
        let has = |parameter: &str| target.query.contains_key(parameter);
        match (method, target.bucket.as_str(), target.key.as_str()) {
            ("GET", "", _) => self.list_buckets(),
            (_, "", _) => Err(not_implemented(method)),
            ("PUT", _, "") => self.create_bucket(target),
            ("HEAD", _, "") => self.with_bucket(target, |_| Ok(reply(200, XML, ""))),
            ("DELETE", _, "") => self.delete_bucket(target),
            ("GET", _, "") if has("location") => self.with_bucket(target, |_| Ok(xml::location())),
            ("GET", _, "") => self.list(target),
            ("POST", _, "") if has("delete") => self.delete_many(target, request),
            ("POST", _, _) if has("uploads") => self.start_upload(target, request),
            ("POST", _, _) if has("uploadId") => self.complete_upload(target, request),
            ("PUT", _, _) if has("uploadId") => self.put_part(target, request),
            ("DELETE", _, _) if has("uploadId") => self.abort_upload(target),
            ("PUT", _, _) if request.headers().contains_key("x-amz-copy-source") => {
                self.copy(target, request)
            }
            ("PUT", _, key) if !key.is_empty() => self.put(target, request),
            ("GET" | "HEAD", _, _) => self.get(target, request),
            ("DELETE", _, _) => self.delete(target),
            _ => Err(not_implemented(method)),
        }
    }

    fn with_bucket(&self, target: &Target, answer: impl FnOnce(&mut Connection) -> Answer) -> Answer {
        let mut connection = self.db.lock();
        let exists: bool = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM buckets WHERE name = ?1)",
            [&target.bucket],
            |row| row.get(0),
        )?;
        if exists {
            answer(&mut connection)
        } else {
            Err(Fault::client("NoSuchBucket", "The specified bucket does not exist").status(404))
        }
    }
}

/// What IAM calls a request, and what it is done to. Parts of an upload need what the whole does.
pub(crate) fn permissions(request: &Request) -> Vec<(String, String)> {
    let target = Target::of(request);
    let (action, resource) = match (request.method().as_str(), target.key.as_str()) {
        ("GET", "") if target.bucket.is_empty() => ("s3:ListAllMyBuckets", "*".to_owned()),
        ("GET" | "HEAD", "") => ("s3:ListBucket", target.bucket),
        ("PUT", "") => ("s3:CreateBucket", target.bucket),
        ("DELETE", "") => ("s3:DeleteBucket", target.bucket),
        ("POST", "") => ("s3:DeleteObject", format!("{}/*", target.bucket)),
        ("GET" | "HEAD", key) => ("s3:GetObject", format!("{}/{key}", target.bucket)),
        ("DELETE", key) if target.query.contains_key("uploadId") => {
            ("s3:AbortMultipartUpload", format!("{}/{key}", target.bucket))
        }
        ("DELETE", key) => ("s3:DeleteObject", format!("{}/{key}", target.bucket)),
        (_, key) => ("s3:PutObject", format!("{}/{key}", target.bucket)),
    };
    vec![(action.to_owned(), format!("arn:aws:s3:::{resource}"))]
}

/// A fault in the words of S3.
pub(crate) fn fault(fault: &Fault, request: &Request) -> Reply {
    xml::fault(fault, &Target::of(request))
}

const XML: &str = "application/xml";

fn not_implemented(method: &str) -> Fault {
    Fault::client("NotImplemented", format!("The local cloud has no such {method}.")).status(501)
}

fn no_key() -> Fault {
    Fault::client("NoSuchKey", "The specified key does not exist.").status(404)
}

fn empty(status: StatusCode) -> Reply {
    let mut empty = reply(status.as_u16(), XML, "");
    empty.headers_mut().remove(http::header::CONTENT_TYPE);
    empty
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn moment(at_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at_ms / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn iso_date(at_ms: i64) -> String {
    moment(at_ms).format(&Rfc3339).unwrap_or_default()
}

fn http_date(at_ms: i64) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    moment(at_ms).format(FORMAT).unwrap_or_default()
}
