//! A type of jobs whose effects can be counted, and a worker that runs it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use kernel::{
    Error, Permission, Result,
    id::{JobId, TenantId},
    job::{Retry, Terms, Wanted},
};
use platform::{
    config::Reader,
    function::SqsHandler,
    job::{Context, JOBS_QUEUE, JobType, Work, Worker, WorkerConfig},
};
use serde::{Deserialize, Serialize};
use store::{Change, Entity, Key, Query, Table, job};
use testkit::{Lab, handler};

/// Makes a mark with each step.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Effect {
    pub(crate) steps: u32,
    /// How long each step takes.
    pub(crate) step_ms: u64,
    /// How many attempts fail before their first step.
    pub(crate) stumbles: u32,
    /// Whether the first attempt panics.
    pub(crate) panics: bool,
    /// How many bytes it makes.
    pub(crate) bytes: usize,
}

/// That a step was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    job: JobId,
    step: u32,
}

impl Entity for Mark {
    const KIND: &'static str = "mark";
    const TABLE: Table = job::TABLE;

    fn key(&self) -> Key {
        Key::new(format!("mark#{}", self.job), format!("mark#{:04}", self.step))
    }
}

/// How many of one tenant are run at once.
pub(crate) const PLACES: u32 = 3;

/// Which jobs are run at the moment, how many at most were, and how often one was begun that was being run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    running: HashSet<JobId>,
    most: usize,
    overlaps: u32,
}

/// A run; over when it is dropped.
struct Run(Runs, JobId);

impl Runs {
    fn begin(&self, id: JobId) -> Run {
        let mut runs = self.0.lock().unwrap();
        if !runs.running.insert(id) {
            runs.overlaps += 1;
        }
        runs.most = runs.most.max(runs.running.len());
        Run(self.clone(), id)
    }

    /// How often a job was begun that was being run.
    pub(crate) fn overlaps(&self) -> u32 {
        self.0.lock().unwrap().overlaps
    }

    /// How many were run at once at most.
    pub(crate) fn most(&self) -> usize {
        self.0.lock().unwrap().most
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().running.remove(&self.1);
    }
}

impl Work for Effect {
    const TYPE: JobType = JobType {
        name: "test.effect",
        summary: "Makes marks.",
        queue: JOBS_QUEUE,
        permission: Permission::JobsWrite,
        terms: Terms {
            time_limit: Duration::from_hours(1),
            retry: Retry {
                attempts_max: 100,
                base: Duration::from_secs(1),
                wait_max: Duration::from_secs(5),
            },
        },
        per_tenant_max: Some(PLACES),
    };

    type Ground = Runs;
    type Output = String;

    async fn run(&self, runs: &Runs, ctx: &Context) -> Result<String> {
        let _run = runs.begin(ctx.id());
        if self.panics && ctx.attempt() == 1 {
            // As a panic does, without its lines on the standard error.
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        if ctx.attempt() <= self.stumbles {
            return Err(Error::unavailable("make marks", "on purpose"));
        }
        let done: u32 = ctx.checkpoint().await?.unwrap_or(0);
        for step in done..self.steps {
            tokio::time::sleep(Duration::from_millis(self.step_ms)).await;
            let mark = Mark { job: ctx.id(), step };
            let twice = || Error::conflict("done_twice", "the mark is there");
            let change = || Change::new("mark.create", "mark", step).create(&mark, twice());
            ctx.commit(&(step + 1), change).await?;
        }
        Ok("x".repeat(self.bytes))
    }
}

impl Effect {
    /// A job that does this and is due now; not asked for yet.
    pub(crate) fn wanted(&self, lab: &Lab, tenant_id: TenantId) -> Wanted<'static> {
        lab.wanted_job(tenant_id, (Self::TYPE.name, Self::TYPE.queue), &serde_json::to_value(self).unwrap())
    }

    /// Asks for one that is due now.
    pub(crate) async fn ask(&self, lab: &Lab, tenant_id: TenantId) -> JobId {
        lab.ask_for_job(self.wanted(lab, tenant_id)).await.id
    }
}

/// The steps that were done of a job.
pub(crate) async fn marks(lab: &Lab, job: JobId) -> Vec<u32> {
    let query = Query::<Mark>::table(format!("mark#{job}"), "mark#").consistent();
    lab.store().all(&query).await.unwrap().into_iter().map(|mark| mark.step).collect()
}

/// A worker that knows the type, with what the template gives the group's own.
pub(crate) fn worker(lab: &Lab) -> SqsHandler {
    counted_worker(lab, Runs::default())
}

/// The same, whose runs are counted.
pub(crate) fn counted_worker(lab: &Lab, runs: Runs) -> SqsHandler {
    let boot = lab.boot("jobs-worker");
    let mut env = Reader::new(&boot.vars);
    let config = WorkerConfig::read(&mut env, JOBS_QUEUE, &[]);
    let config = env.finish(|| config).unwrap();
    handler::sqs(Ok(Worker::new(&boot, config, runs).with::<Effect>().function()))
}
