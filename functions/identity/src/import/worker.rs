//! `identity-worker`: runs the jobs of this group's types.

use platform::{
    Boot, BootError, Function, Grant, Needs,
    bucket::Bucket,
    config::Reader,
    edge::read_tables,
    job::{RESULTS_BUCKET, WORKER_TABLES, Worker, WorkerConfig},
};
use store::{SealingKey, Store, Table, audit, ephemeral, job};

use super::{Ground, ImportUsers, QUEUE};
use crate::IDENTITY_TABLE;

/// The variable that names the dead-letter queue of every worker.
const DEAD_LETTERS: &str = "JOBS_DEAD_LETTER_QUEUE_URL";

/// What the worker needs.
pub const NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(ephemeral::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(IDENTITY_TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(RESULTS_BUCKET, &["s3:GetObject", "s3:ListBucket", "s3:PutObject"]),
        Grant::on(QUEUE, &["sqs:ChangeMessageVisibility"]),
        Grant::on(DEAD_LETTERS, &["sqs:SendMessage"]),
    ],
};

/// The function behind the queue of this group's jobs.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn worker(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &NEEDS);
    let config = WorkerConfig::read(&mut env, QUEUE, DEAD_LETTERS);
    let tables: Vec<Table> = WORKER_TABLES.into_iter().chain([IDENTITY_TABLE]).collect();
    let tables = read_tables(&mut env, &tables);
    let files = env.required::<String>(RESULTS_BUCKET);
    let (config, tables, files) = env.finish(|| Some((config?, tables?, files?)))?;
    // Nothing is sealed here: no cursor leaves, no answer is recorded.
    let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
    let ground = Ground { store: store.clone(), files: Bucket::of_files(&boot.aws, files) };
    Ok(Worker::new(&boot, config, store, ground).with::<ImportUsers>().function())
}
