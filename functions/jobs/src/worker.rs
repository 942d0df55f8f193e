//! `jobs-worker`: runs the jobs of this group's types.

use platform::{
    Boot, BootError, Function,
    config::Reader,
    job::{JOBS_QUEUE, Worker, WorkerConfig},
};

use crate::{cancel_all::CancelAll, sleep::Sleep};

/// The function behind the jobs queue.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn worker(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::WORKER_NEEDS);
    let config = WorkerConfig::read(&mut env, JOBS_QUEUE, &[]);
    let config = env.finish(|| config)?;
    let store = config.store(&boot);
    Ok(Worker::new(&boot, config, store).with::<Sleep>().with::<CancelAll>().function())
}
