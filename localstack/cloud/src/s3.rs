//! S3.
use crate::clock::Clock;
use crate::db::Db;
use crate::wire::{Fault, Reply, Request};
use std::sync::Arc;
pub(crate) struct S3 {
    db: Arc<Db>,
    clock: Clock,
}
impl S3 {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self { db, clock }
    }
    pub(crate) fn declare(&self, name: &str) -> Result<(), Fault> {
        self.db.lock().execute(
            "INSERT OR IGNORE INTO buckets VALUES (?1, ?2)",
            rusqlite::params![name, self.clock.now_ms()],
        )?;
        Ok(())
    }
    pub(crate) fn call(&self, _request: &Request) -> Reply {
        Fault::client("NotImplemented", "soon").json()
    }
}
