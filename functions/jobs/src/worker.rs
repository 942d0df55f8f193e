//! `jobs-worker`: runs the jobs of this group's types.

use platform::{
    Boot, BootError, Function,
    config::Reader,
    edge::read_tables,
    job::{WORKER_TABLES, Worker, WorkerConfig},
};
use store::{SealingKey, Store};

use crate::{cancel_all::CancelAll, sleep::Sleep};

/// The function behind the jobs queue.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn worker(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::WORKER_NEEDS);
    let config = WorkerConfig::read(&mut env, crate::QUEUE, crate::DEAD_LETTERS);
    let tables = read_tables(&mut env, &WORKER_TABLES);
    let (config, tables) = env.finish(|| config.zip(tables))?;
    // Nothing is sealed here: no cursor leaves, no answer is recorded.
    let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
    Ok(Worker::new(&boot, config, store.clone(), store).with::<Sleep>().with::<CancelAll>().function())
}
