//! One S3 bucket: objects by key.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    config::timeout::TimeoutConfig,
    error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError},
    operation::get_object::{GetObjectError, GetObjectOutput},
    primitives::{AggregatedBytes, ByteStream},
};
use aws_types::SdkConfig;
use bytes::Bytes;
use kernel::{Error, Result};

/// How long one attempt may take: an object of a quarter of a megabyte, on a bad day.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// The same for files.
const FILE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const FILE_OPERATION_TIMEOUT: Duration = Duration::from_secs(50);

/// A file, and which version of it this is.
#[derive(Clone, Debug)]
pub struct File {
    /// What it holds.
    pub body: Bytes,
    /// Its entity tag (RFC 9110 §8.8.3): another when it was replaced.
    pub etag: String,
}

/// A bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    /// Reads and writes objects of up to a quarter of a megabyte through `config`.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self::with_time(config, name, ATTEMPT_TIMEOUT, OPERATION_TIMEOUT)
    }

    /// The same for files, which may be a hundred times as long.
    pub fn of_files(config: &SdkConfig, name: String) -> Self {
        Self::with_time(config, name, FILE_ATTEMPT_TIMEOUT, FILE_OPERATION_TIMEOUT)
    }

    fn with_time(config: &SdkConfig, name: String, attempt: Duration, operation: Duration) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build();
        let config = aws_sdk_s3::config::Builder::from(config)
            .timeout_config(timeouts)
            // An emulator has no host name for each bucket.
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self { client: Client::from_conf(config), name }
    }

    /// Reads an object; `None` when there is none, which S3 tells only to who may list the bucket.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when S3 does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self.open(key).await? {
            Some(answer) => read(answer).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads a file of at most so many bytes; `None` as for [`get`](Self::get).
    ///
    /// # Errors
    /// [`Error::TooLarge`], before it is read; [`Error::Unavailable`] when S3 does not answer.
    pub async fn get_file(&self, key: &str, limit_bytes: usize) -> Result<Option<File>> {
        let Some(answer) = self.open(key).await? else { return Ok(None) };
        let length = answer.content_length.and_then(|length| usize::try_from(length).ok());
        if length.is_none_or(|length| length > limit_bytes) {
            return Err(Error::TooLarge { limit_bytes });
        }
        let etag = answer.e_tag.clone().unwrap_or_default();
        Ok(Some(File { body: read(answer).await?, etag }))
    }

    async fn open(&self, key: &str) -> Result<Option<GetObjectOutput>> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(unavailable("read an object", error)),
        }
    }

    /// The keys that begin with `prefix`, in the order of their bytes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when S3 does not answer.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut pages =
            self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| unavailable("list a bucket", error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }

    /// Writes an object, unless there is one. It is durable when this answers; `false` when there was one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when S3 does not answer.
    pub async fn create(&self, key: &str, content_type: &str, body: Vec<u8>) -> Result<bool> {
        let request = self.client.put_object().bucket(&self.name).key(key).content_type(content_type);
        match request.if_none_match("*").body(ByteStream::from(body)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(unavailable("write an object", error)),
        }
    }
}

async fn read(answer: GetObjectOutput) -> Result<Bytes> {
    let body = answer.body.collect().await;
    body.map(AggregatedBytes::into_bytes).map_err(|error| Error::unavailable("read an object", error))
}

fn unavailable<E: std::error::Error + 'static>(what: &'static str, error: SdkError<E>) -> Error {
    Error::unavailable(what, DisplayErrorContext(error).to_string())
}
