//! Jobs that do nothing, from the moment they are asked for until each has succeeded.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::{
    Permission,
    id::TenantId,
    job::{Job, Owner, Retry, Status, Terms, Wanted},
};
use localstack::{
    functions,
    invoke::{Functions, Loaded},
    stop, trigger,
};
use platform::{
    config::Reader,
    ids,
    job::{Context, JOBS_QUEUE, JobType, Work, Worker, WorkerConfig},
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Change, job::of_tenant};
use tokio::task::JoinSet;

use crate::{Result, house::House};

/// How many ask for jobs at once.
const ASKERS: u64 = 4;

/// How often it is looked whether all have ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The binary whose place the worker takes that knows the type below.
const WORKER: &str = "jobs-worker";

/// Does nothing, and counts how often.
#[derive(Deserialize, utoipa::ToSchema)]
struct Nothing {}

impl Work for Nothing {
    const TYPE: JobType = JobType {
        name: "load.nothing",
        summary: "Does nothing.",
        queue: JOBS_QUEUE,
        permission: Permission::JobsWrite,
        terms: Terms {
            time_limit: Duration::from_mins(1),
            retry: Retry { attempts_max: 5, base: Duration::from_secs(1), wait_max: Duration::from_secs(5) },
        },
        per_tenant_max: None,
    };

    type Ground = Arc<AtomicU64>;
    type Output = ();

    async fn run(&self, runs: &Arc<AtomicU64>, _: &Context) -> kernel::Result<()> {
        runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Asks for so many jobs, and waits until all have succeeded.
pub(crate) async fn jobs(count: u64) -> Result<Value> {
    let house = Arc::new(House::new()?);
    let runs = Arc::new(AtomicU64::new(0));
    let loaded = functions::load(&house.cloud, &house.template).await?;
    let loaded = with_worker(&house, &loaded, &runs)?;
    let (stopper, stop) = stop::channel();
    let mut triggers = trigger::start(&house.cloud, &loaded, &stop)?;
    let tenant_id: TenantId = ids::new(House::actor().now);
    let began = Instant::now();
    let mut askers = JoinSet::new();
    for asker in 0..ASKERS {
        let house = Arc::clone(&house);
        askers.spawn(async move {
            for _ in (asker..count).step_by(usize::try_from(ASKERS)?) {
                ask(&house, tenant_id).await?;
            }
            Result::Ok(())
        });
    }
    while let Some(asker) = askers.join_next().await {
        asker??;
    }
    let asked_in = began.elapsed();
    while runs.load(Ordering::Relaxed) < count || !all_succeeded(&house, tenant_id).await? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let done_in = began.elapsed();
    stopper.stop();
    while triggers.join_next().await.is_some() {}
    let per_second =
        |time: Duration| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64();
    Ok(json!({
        "jobs": count,
        "runs": runs.load(Ordering::Relaxed),
        "asked_per_second": per_second(asked_in),
        "done_per_second": per_second(done_in),
    }))
}

/// The functions, with the worker of the type above in the place of the group's own.
fn with_worker(house: &House, loaded: &Functions, runs: &Arc<AtomicU64>) -> Result<Functions> {
    let mut replaced: BTreeMap<String, Loaded> = (**loaded).clone();
    let worker = replaced.values_mut().find(|loaded| loaded.declared.binary == WORKER);
    let worker = worker.ok_or("the template has no worker of jobs")?;
    let boot = functions::boot(&house.cloud, &worker.declared);
    let mut env = Reader::new(&boot.vars);
    let config = WorkerConfig::read(&mut env, JOBS_QUEUE, &[]);
    let config = env.finish(|| config)?;
    worker.function = Worker::new(&boot, config, Arc::clone(runs)).with::<Nothing>().function();
    Ok(Arc::new(replaced))
}

async fn ask(house: &House, tenant_id: TenantId) -> Result<()> {
    let actor = House::actor();
    let wanted = Wanted {
        id: ids::new(actor.now),
        tenant_id,
        job_type: Nothing::TYPE.name,
        queue: Nothing::TYPE.queue,
        payload: "{}".to_owned(),
        owner: Owner::of(&actor.principal),
        request_id: &actor.request_id,
        due_at: actor.now,
        deadline: None,
    };
    let job = Job::queued(wanted, actor.now);
    Ok(house.store.commit(&actor, Change::enqueue_job(&job)).await?)
}

async fn all_succeeded(house: &House, tenant_id: TenantId) -> Result<bool> {
    let jobs = house.store.all(&of_tenant(tenant_id).consistent()).await?;
    Ok(jobs.iter().all(|job| job.status == Status::Succeeded))
}
