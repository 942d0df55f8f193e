//! `jobs-sweeper`: every minute, what nobody has begun though its time has come, and what is too late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use kernel::{
    Error, Result,
    job::{Job, Look},
};
use platform::{
    Boot, BootError, Clock, Function, auth::by_itself, config::Reader, edge::read_tables, queue::Queues,
    telemetry::causes,
};
use store::{Change, Key, SealingKey, Store, audit, job};

use crate::dispatch::{CONCURRENT_SENDS, read_queues, send};

/// How many jobs of a shard are looked at in one run.
const LOOKS_MAX: u16 = 500;

/// How long one run takes; its Lambda is stopped after 50 s.
const RUN_MAX: Duration = Duration::from_secs(40);

#[derive(Clone, Debug)]
struct Sweeper {
    store: Store,
    queues: Queues,
    clock: Clock,
}

/// The function behind the clock.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn sweeper(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::SWEEPER_NEEDS);
    let urls = read_queues(&mut env);
    let tables = read_tables(&mut env, &[job::TABLE, audit::TABLE]);
    let (urls, tables) = env.finish(|| urls.zip(tables))?;
    let sweeper = Sweeper {
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        store: Store::new(&boot.aws, tables, SealingKey::throwaway()),
        queues: Queues::new(&boot.aws, urls),
        clock: boot.clock.clone(),
    };
    Ok(Function::Schedule(Arc::new(move |_| {
        let sweeper = sweeper.clone();
        Box::pin(async move { sweeper.run().await })
    })))
}

impl Sweeper {
    /// Looks at the jobs of every shard whose time has come; says in the log how many there were.
    async fn run(&self) -> Result<()> {
        let (swept, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shards = async {
            for shard in 0..job::SHARDS {
                let keys = self.store.jobs_to_look_at(shard, self.clock.now(), LOOKS_MAX).await?;
                stream::iter(keys)
                    .for_each_concurrent(CONCURRENT_SENDS, async |key| {
                        let tally = match self.look(&key).await {
                            Ok(()) => &swept,
                            Err(error) => {
                                tracing::error!(sk = key.sk, error = causes(&error), "a job was not swept");
                                &left
                            }
                        };
                        tally.fetch_add(1, Ordering::Relaxed);
                    })
                    .await;
            }
            Ok(())
        };
        let outcome = tokio::time::timeout(RUN_MAX, shards).await;
        let is_cut_short = outcome.is_err();
        let (swept, left) = (swept.load(Ordering::Relaxed), left.load(Ordering::Relaxed));
        tracing::info!(swept, left, is_cut_short, "swept");
        outcome.unwrap_or(Ok(()))
    }

    /// Does what there is to do for a job. Whoever was faster has done it.
    async fn look(&self, key: &Key) -> Result<()> {
        let Some(job) = self.store.get_consistent::<Job>(key).await? else { return Ok(()) };
        match job.look(self.clock.now()) {
            Look::Leave => Ok(()),
            Look::Later(next) => self.store.note_job(*next, &job).await.map(|_| ()),
            Look::Send(next, delay) => {
                // Sent first: should the rest fail, it is sent once more.
                send(&self.queues, &job, delay).await?;
                self.store.note_job(*next, &job).await.map(|_| ())
            }
            Look::End(next, happening) => {
                let actor = by_itself(job.request_id.clone(), self.clock.now());
                match self.store.commit(&actor, Change::move_job(happening, &job, &next)).await {
                    Err(Error::Conflict { .. }) => Ok(()),
                    done => done,
                }
            }
        }
    }
}
