//! A type of jobs whose effects can be counted, and a worker that runs it.

use std::time::Duration;

use kernel::{
    Error, Permission, Result, Timestamp,
    id::{JobId, TenantId},
    job::{Job, Owner, Retry, Terms, Timing},
};
use platform::{
    Function,
    auth::system,
    config::Reader,
    edge::read_tables,
    function::SqsHandler,
    job::{Context, JobType, WORKER_TABLES, Work, Worker, WorkerConfig},
};
use serde::{Deserialize, Serialize};
use store::{Change, Entity, Key, Query, SealingKey, Store, Table, job};
use testkit::Lab;

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

impl Work for Effect {
    const TYPE: JobType = JobType {
        name: "test.effect",
        summary: "Makes marks.",
        queue: "JOBS_QUEUE_URL",
        permission: Permission::JobsWrite,
        terms: Terms {
            time_limit: Duration::from_hours(1),
            retry: Retry {
                attempts_max: 100,
                base: Duration::from_secs(1),
                wait_max: Duration::from_secs(5),
            },
        },
        per_tenant_max: None,
    };

    type Ground = ();
    type Output = String;

    async fn run(&self, (): &(), ctx: &Context) -> Result<String> {
        assert!(!self.panics || ctx.attempt() > 1, "on purpose");
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
    /// A job that does this, not asked for yet.
    pub(crate) fn job(&self, id: JobId, tenant_id: TenantId, timing: Timing, now: Timestamp) -> Job {
        let payload = serde_json::to_string(self).unwrap();
        let names = (Self::TYPE.name, Self::TYPE.queue);
        Job::new(id, tenant_id, names, payload, Owner::of(&system()), "request-1", timing, now)
    }

    /// Asks for one that is due now.
    pub(crate) async fn ask(&self, lab: &Lab, tenant_id: TenantId) -> JobId {
        let now = lab.clock().now();
        let job = self.job(platform::ids::new(now), tenant_id, Timing { due_at: now, deadline: None }, now);
        lab.commit(Change::enqueue_job(&job)).await;
        job.id
    }
}

/// The steps that were done of a job.
pub(crate) async fn marks(lab: &Lab, job: JobId) -> Vec<u32> {
    let query = Query::<Mark>::table(format!("mark#{job}"), "mark#").consistent();
    lab.store().all(&query).await.unwrap().into_iter().map(|mark| mark.step).collect()
}

/// A worker that knows the type, with what the template gives the group's own.
pub(crate) fn worker(lab: &Lab) -> SqsHandler {
    let boot = lab.boot("jobs-worker");
    let mut env = Reader::new(&boot.vars);
    let config = WorkerConfig::read(&mut env, "JOBS_QUEUE_URL", "JOBS_DEAD_LETTER_QUEUE_URL");
    let tables = read_tables(&mut env, &WORKER_TABLES);
    let (config, tables) = env.finish(|| config.zip(tables)).unwrap();
    let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
    match Worker::new(&boot, config, store, ()).with::<Effect>().function() {
        Function::Sqs(handler) => handler,
        _ => panic!("a worker is behind a queue"),
    }
}
