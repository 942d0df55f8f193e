//! A local cloud on disk, as `cargo run` has it, without its HTTP: changes go in, and a log comes out.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use cloud::{Cloud, Template};
use platform::auth;
use serde::{Deserialize, Serialize};
use store::{Actor, Change, Entity, Key, SealingKey, Store, Table, audit, job, ledger, outbox};
use tempfile::TempDir;
use tlog::{Checkpoint, Report, VerifierKey, path::CHECKPOINT, source::ReadError};

use crate::Result;

/// What is changed: an item of the identity table.
#[derive(Serialize, Deserialize)]
struct Note {
    number: u32,
}

impl Entity for Note {
    const KIND: &'static str = "note";
    const TABLE: Table = identity::IDENTITY_TABLE;

    fn key(&self) -> Key {
        Key::new(format!("note#{}", self.number), "note")
    }
}

pub(crate) struct House {
    pub(crate) cloud: Cloud,
    pub(crate) template: Template,
    pub(crate) store: Store,
    bucket: String,
    next: AtomicU32,
    _folder: TempDir,
}

impl House {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let template = Template::of_workspace()?;
        let cloud = Cloud::open(&template, folder.path())?;
        let environment = |binary: &str| {
            template.function(binary).map(|function| function.environment.clone()).unwrap_or_default()
        };
        let named: HashMap<String, String> =
            ["identity", "audit-sequencer", "jobs"].iter().flat_map(|binary| environment(binary)).collect();
        let tables = [Note::TABLE, audit::TABLE, job::TABLE, ledger::TABLE, outbox::TABLE];
        let tables = tables.into_iter().filter_map(|table| Some((table, named.get(table.0)?.clone())));
        let store = Store::new(&cloud.sdk_config(), tables.collect(), SealingKey::throwaway());
        let bucket = named.get("AUDIT_BUCKET").cloned().ok_or("the template names no AUDIT_BUCKET")?;
        Ok(Self { cloud, template, store, bucket, next: AtomicU32::new(0), _folder: folder })
    }

    pub(crate) fn actor() -> Actor {
        let now = platform::Clock::System.now();
        auth::by_itself(format!("load-{}", now.millis()), now)
    }

    /// One change, with its entry.
    pub(crate) async fn change(&self) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let change = Change::new("note.create", "note", number).put(&Note { number });
        Ok(self.store.commit(&Self::actor(), change).await?)
    }

    /// How many entries are published.
    pub(crate) async fn published(&self) -> Result<u64> {
        Ok(self.store.log_head().await?.map_or(0, |head| head.size))
    }

    /// The checkpoint that is published, with the key that it is signed with.
    pub(crate) async fn checkpoint(&self) -> Result<Option<(Checkpoint, VerifierKey)>> {
        let Some(head) = self.store.log_head().await?.filter(|head| head.size > 0) else { return Ok(None) };
        let key: VerifierKey = head.vkey.parse()?;
        let signed = Checkpoint::open(&head.checkpoint, key.name(), std::slice::from_ref(&key))?;
        Ok(Some((signed.checkpoint, key)))
    }

    /// The log, verified whole and held against what was published before.
    pub(crate) async fn verify(&self, earlier: &[Checkpoint]) -> Result<Report> {
        let head = self.store.log_head().await?.ok_or("there is no log")?;
        let s3 = aws_sdk_s3::Client::new(&self.cloud.sdk_config());
        let mut objects = HashMap::from([(CHECKPOINT.to_owned(), head.checkpoint.clone().into_bytes())]);
        let mut pages = s3.list_objects_v2().bucket(&self.bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page?.contents().iter().filter_map(|object| object.key()) {
                let object = s3.get_object().bucket(&self.bucket).key(key).send().await?;
                objects.insert(key.to_owned(), object.body.collect().await?.to_vec());
            }
        }
        let key: VerifierKey = head.vkey.parse()?;
        Ok(tlog::verify(&Objects(objects), &[key], None, earlier)?)
    }
}

struct Objects(HashMap<String, Vec<u8>>);

impl tlog::Source for Objects {
    fn read(&self, path: &str) -> std::result::Result<Vec<u8>, ReadError> {
        self.0.get(path).cloned().ok_or_else(|| ReadError::NotFound { path: path.to_owned() })
    }
}
