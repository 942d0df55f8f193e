//! `identity-worker`: runs the jobs of this group's types.

use platform::{
    Boot, BootError, Function, Grant, Needs,
    config::Reader,
    job::{DEAD_LETTERS, FILES, IDENTITY_QUEUE, Worker, WorkerConfig},
};
use store::{audit, ephemeral, job};

use super::{Ground, ImportUsers};
use crate::IDENTITY_TABLE;

/// What the worker needs.
pub const NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(ephemeral::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(IDENTITY_TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(FILES, &["s3:GetObject", "s3:ListBucket", "s3:PutObject"]),
        Grant::on(IDENTITY_QUEUE, &["sqs:ChangeMessageVisibility"]),
        Grant::on(DEAD_LETTERS, &["sqs:SendMessage"]),
    ],
};

/// The function behind the queue of this group's jobs.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn worker(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &NEEDS);
    let config = WorkerConfig::read(&mut env, IDENTITY_QUEUE, &[IDENTITY_TABLE]);
    let config = env.finish(|| config)?;
    let ground = Ground { store: config.store(&boot), files: config.files(&boot) };
    Ok(Worker::new(&boot, config, ground).with::<ImportUsers>().function())
}
