//! What dynoxide leaves undone in a file that lives long.
//!
//! It keeps stream records for ever and looks through all of them for the last one at each write to a table
//! with a stream: after ten thousand changes a write would cost milliseconds. Here they get an index, and a
//! day's end as on AWS. Both go through a connection of our own to the same file.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

/// AWS keeps stream records for a day.
const KEPT: Duration = Duration::from_hours(24);
/// Records deleted in one transaction, while which requests wait.
const PAGE: usize = 500;

/// Cares for one database file.
pub(crate) struct Upkeep {
    connection: Mutex<Connection>,
}

impl Upkeep {
    /// Adds the index to a file dynoxide has opened.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "PRAGMA synchronous = NORMAL;
             CREATE INDEX IF NOT EXISTS groundwork_stream_records
                ON _stream_records (table_name, CAST(sequence_number AS INTEGER));",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Deletes the stream records whose day is over.
    pub(crate) fn trim(&self, now: Duration) -> rusqlite::Result<()> {
        let before = i64::try_from(now.saturating_sub(KEPT).as_secs()).unwrap_or_default();
        loop {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM _stream_records WHERE id IN
                        (SELECT id FROM _stream_records WHERE created_at < ?1 ORDER BY id LIMIT ?2)",
                )?
                .execute(rusqlite::params![before, PAGE])?;
            if deleted < PAGE {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_serves_dynoxides_queries_and_old_records_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sqlite");
        let _dynamo = dynoxide::Database::new(&path.to_string_lossy()).unwrap();
        let upkeep = Upkeep::open(&path).unwrap();
        let connection = upkeep.connection.lock().unwrap();
        for query in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 'a'",
            "SELECT id FROM _stream_records WHERE table_name = 'a' AND shard_id = 'b'
                AND CAST(sequence_number AS INTEGER) > 7 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 3",
        ] {
            let plan: String =
                connection.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3)).unwrap();
            assert!(plan.contains("USING") && plan.contains("groundwork_stream_records"), "{plan}");
        }
        for n in 0..1200 {
            let insert = "INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
                VALUES ('a', 'INSERT', '{}', ?1, 'b', ?2)";
            connection
                .execute(insert, rusqlite::params![n.to_string(), if n < 1100 { 0 } else { 100_000 }])
                .unwrap();
        }
        drop(connection);
        upkeep.trim(Duration::from_secs(100_000)).unwrap();
        let count = "SELECT count(*) FROM _stream_records";
        let left: i64 = upkeep.connection.lock().unwrap().query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 100);
    }
}
