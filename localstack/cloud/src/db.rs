//! One `SQLite` database under queues, secrets, objects and mail.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY, attributes TEXT NOT NULL, tags TEXT NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL, body TEXT NOT NULL,
    attributes TEXT NOT NULL, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0, first_received_ms INTEGER, receipt TEXT, dead_from TEXT, group_id TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_ms);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, arn TEXT NOT NULL UNIQUE, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_recipient ON mails (recipient);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS locks (bucket TEXT PRIMARY KEY, days INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, etag TEXT NOT NULL, headers TEXT NOT NULL,
    modified_ms INTEGER NOT NULL, PRIMARY KEY (bucket, key)
);
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, etag TEXT NOT NULL, PRIMARY KEY (upload, number)
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// The database, one writer at a time.
///
/// Calls run on the caller's thread: each is some tens of microseconds, less than handing it to another
/// thread costs.
pub(crate) struct Db {
    connection: Mutex<Connection>,
}

impl Db {
    pub(crate) fn memory() -> rusqlite::Result<Self> {
        Self::prepare(Connection::open_in_memory()?)
    }

    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // What a commit wrote to the log is in the kernel's hands: killing this process loses nothing. Only a
        // power cut could, which NORMAL accepts for a local cloud, at a tenth of the cost of a sync per
        // commit.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        Self::prepare(connection)
    }

    fn prepare(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch(SCHEMA)?;
        // A data folder from before queues were fair.
        let columns = "SELECT COUNT(*) FROM pragma_table_info('messages') WHERE name = 'group_id'";
        if connection.query_row(columns, [], |row| row.get::<_, i64>(0))? == 0 {
            connection.execute_batch("ALTER TABLE messages ADD COLUMN group_id TEXT")?;
        }
        connection.execute_batch(
            "CREATE INDEX IF NOT EXISTS messages_by_group ON messages (queue, group_id, visible_ms)",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The connection. A panic elsewhere leaves it usable: an open transaction rolls back when it is dropped.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A remembered value, such as how far a trigger has read.
    pub(crate) fn note(&self, name: &str) -> rusqlite::Result<Option<String>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached("SELECT value FROM notes WHERE name = ?1")?;
        select.query_row([name], |row| row.get(0)).optional()
    }

    /// Remembers a value.
    pub(crate) fn set_note(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        let connection = self.lock();
        let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO notes VALUES (?1, ?2)")?;
        insert.execute([name, value]).map(drop)
    }
}
