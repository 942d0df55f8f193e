//! Audit: who did what to what, in one history that nobody can alter unseen.
//!
//! Every change writes its entry into the inbox, in its own transaction ([`store::Change`]). From there:
//!
//! - `audit-sequencer`, which the inbox's stream calls, takes entries into the log: it gives each its place, chains it to
//!   the one before, extends the tree (RFC 9162), writes both as tiles (C2SP tlog-tiles), and only then signs the new head;
//! - `audit-sweeper` does the same every minute, for what the stream did not tell;
//! - `audit-exporter` copies what is new of it, once a day, to where nobody can alter it;
//! - `audit-eraser` forgets what opens its commitments to a person who was erased;
//! - `audit-worker` runs jobs: `audit.export` makes a signed file of a part of it;
//! - `audit` answers with entries, tiles, proofs and the signed head.
//!
//! The format is [`tlog`]'s, and `docs/audit.md` has it byte by byte.

mod app;
mod entries;
mod eraser;
mod export_job;
mod exporter;
mod get_checkpoint;
mod get_consistency;
mod get_vkey;
mod list_roots;
mod log;
mod sequencer;
mod signing;
mod take_in;
mod tiles;
mod witness;

use platform::{
    Grant, Needs,
    job::{AUDIT_QUEUE, DEAD_LETTERS, FILES},
};
use store::{Table, audit, ephemeral, ledger};

pub use app::App;
pub use eraser::eraser;
pub use export_job::worker;
pub use exporter::exporter;
pub use sequencer::{sequencer, sweeper};

/// The variable that names the bucket with the log's tiles.
const LOG_BUCKET: &str = "AUDIT_BUCKET";

/// The variable that names the bucket that the log is exported to.
const EXPORT_BUCKET: &str = "AUDIT_EXPORT_BUCKET";

/// The variable that lists the log's witnesses.
const WITNESSES: &str = "AUDIT_WITNESSES";

/// The variable that names the secret with the log's key.
const KEY_SECRET: &str = "AUDIT_KEY_SECRET";

/// What the HTTP function needs.
pub const NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL", "ALLOWED_ORIGINS", "LIMIT_PER_MINUTE", "LIMIT_ATTEMPTS_PER_MINUTE"],
    grants: &[
        Grant::on(ledger::TABLE.0, &["dynamodb:GetItem", "dynamodb:Query"]),
        Grant::on_index(ledger::TABLE.0, "gsi1", &["dynamodb:Query"]),
        Grant::on_index(ledger::TABLE.0, "gsi2", &["dynamodb:Query"]),
        Grant::on_index(ledger::TABLE.0, "gsi3", &["dynamodb:Query"]),
        // Who may not list a bucket is not told that an object is missing.
        Grant::on(LOG_BUCKET, &["s3:GetObject", "s3:ListBucket"]),
        // API keys and what limits callers.
        Grant::on(platform::api_key::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(ephemeral::TABLE.0, &["dynamodb:Query", "dynamodb:UpdateItem"]),
        Grant::on("VERIFICATION_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("APP_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
    ],
};

/// What the sequencer needs. The permissions to read the stream follow from its trigger.
pub const SEQUENCER_NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL"],
    grants: &[
        Grant::on(audit::TABLE.0, &["dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]),
        Grant::on(
            ledger::TABLE.0,
            &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"],
        ),
        Grant::on(LOG_BUCKET, &["s3:GetObject", "s3:PutObject"]),
        Grant::on(KEY_SECRET, &["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]),
    ],
};

/// What the sweeper needs: it does what the sequencer does.
pub const SWEEPER_NEEDS: Needs = SEQUENCER_NEEDS;

/// What the exporter needs.
pub const EXPORTER_NEEDS: Needs = Needs {
    settings: &[WITNESSES],
    grants: &[
        Grant::on(ledger::TABLE.0, &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]),
        Grant::on(LOG_BUCKET, &["s3:GetObject"]),
        Grant::on(EXPORT_BUCKET, &["s3:GetObject", "s3:PutObject"]),
    ],
};

/// What the eraser needs.
pub const ERASER_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(audit::TABLE.0, &["dynamodb:Query"]),
        Grant::on(ledger::TABLE.0, &["dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on_index(ledger::TABLE.0, "gsi1", &["dynamodb:Query"]),
        Grant::on_index(ledger::TABLE.0, "gsi3", &["dynamodb:Query"]),
    ],
};

/// What the worker needs.
pub const WORKER_NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL"],
    grants: &[
        Grant::on(store::job::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(ephemeral::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(ledger::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(LOG_BUCKET, &["s3:GetObject"]),
        Grant::on(KEY_SECRET, &["secretsmanager:GetSecretValue"]),
        Grant::on(FILES, &["s3:PutObject"]),
        Grant::on(AUDIT_QUEUE, &["sqs:ChangeMessageVisibility"]),
        Grant::on(DEAD_LETTERS, &["sqs:SendMessage"]),
    ],
};

/// The types of this group's jobs, as `openapi/job-types.json` tells of them.
pub fn job_types() -> Vec<serde_json::Value> {
    vec![platform::job::declaration::<export_job::ExportLog>()]
}

/// The tables the HTTP function uses.
pub const TABLES: [Table; 3] = [ledger::TABLE, platform::api_key::TABLE, ephemeral::TABLE];

// Every endpoint: one line is route and documentation. Tiles are bytes, which API Gateway passes on as they are only
// when they are streamed.
platform::endpoints! {
    streaming App:
    entries::list_entries::list_entries,
    entries::get_entry::get_entry,
    get_checkpoint::get_checkpoint,
    get_consistency::get_consistency,
    get_vkey::get_vkey,
    list_roots::list_roots,
    tiles::get_tile,
    tiles::get_tile_2,
    tiles::get_tile_3,
    tiles::get_tile_4,
}
