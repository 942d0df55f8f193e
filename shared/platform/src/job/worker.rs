//! The worker behind a queue: takes messages, runs their jobs, and answers each.

mod attempt;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use kernel::{
    Error, Result,
    job::{Claim, Ending, Failure, Job, LEASE, Move},
};
use store::{
    Change, SealingKey, Store, Stored, Table, audit, ephemeral,
    job::{self, DeadLetter, JobMessage, key_of},
};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::{Context, DEAD_LETTERS, FILES, JobType, Work, desk::Desk, running::is_lost};
use crate::{
    Boot, Curfew, Function, auth::by_itself, bucket::Bucket, config::Reader, edge::read_tables,
    function::failed_messages, queue::QueueUrl, telemetry::causes,
};

/// How often a worker writes what a job tells, and every other time looks whether somebody cancelled it.
const TICK: Duration = Duration::from_secs(1);

/// How often a job is read again when somebody else was faster.
const TRIES: u32 = 10;

/// For how long a job waits for a place at first, at least; twice that at most.
const PLACE_WAIT: Duration = Duration::from_secs(2);

/// After so many times it waits that much longer each time, so that its message is not given up before its turn.
const WAITS_PER_STEP: u32 = 20;

/// How many steps longer at most.
const STEPS_MAX: u32 = 15;

/// What a worker is told by its environment.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    queue_name: &'static str,
    queue: QueueUrl,
    dead_letters: QueueUrl,
    files: String,
    tables: HashMap<Table, String>,
}

impl WorkerConfig {
    /// Reads what every worker needs: its queue, from the variable of this name, the dead letters', the bucket, and the
    /// tables, its group's among them. `None` when a fault was noted.
    pub fn read(env: &mut Reader<'_>, queue: &'static str, tables: &[Table]) -> Option<Self> {
        // All are read before the first missing one ends it.
        let url = env.required(queue);
        let dead_letters = env.required(DEAD_LETTERS);
        let files = env.required(FILES);
        let tables = read_tables(env, &[&TABLES, tables].concat());
        Some(Self {
            queue_name: queue,
            queue: url?,
            dead_letters: dead_letters?,
            files: files?,
            tables: tables?,
        })
    }

    /// The tables.
    pub fn store(&self, boot: &Boot) -> Store {
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        Store::new(&boot.aws, self.tables.clone(), SealingKey::throwaway())
    }

    /// The bucket with what jobs read and write.
    pub fn files(&self, boot: &Boot) -> Bucket {
        Bucket::of_files(&boot.aws, self.files.clone())
    }
}

/// The tables that every worker uses besides its group's.
const TABLES: [Table; 3] = [job::TABLE, audit::TABLE, ephemeral::TABLE];

/// Runs the jobs of the types that it knows.
#[derive(Clone)]
pub struct Worker<G> {
    desk: Desk,
    ground: G,
    runners: BTreeMap<&'static str, Runner<G>>,
}

impl<G> fmt::Debug for Worker<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("types", &self.runners.keys()).finish_non_exhaustive()
    }
}

/// A type, and how a payload of it is run.
#[derive(Clone, Copy)]
struct Runner<G> {
    job_type: JobType,
    run: for<'a> fn(&'a G, &'a Context, &'a str) -> BoxFuture<'a, Result<String>>,
}

/// What became of a message.
enum Handled {
    /// It is done with.
    Done(&'static str),
    /// It comes again after so long.
    Later(Duration),
}

impl<G: Clone + Send + Sync + 'static> Worker<G> {
    /// A worker that knows no type yet.
    pub fn new(boot: &Boot, config: WorkerConfig, ground: G) -> Self {
        let desk = Desk {
            store: config.store(boot),
            clock: boot.clock.clone(),
            results: config.files(boot),
            sqs: aws_sdk_sqs::Client::new(&boot.aws),
            queue: config.queue,
            dead_letters: config.dead_letters,
            queue_name: config.queue_name,
        };
        Self { desk, ground, runners: BTreeMap::new() }
    }

    /// Lets it run jobs of this type.
    #[must_use]
    pub fn with<W: Work<Ground = G>>(mut self) -> Self {
        let runner =
            Runner { job_type: W::TYPE, run: |ground, ctx, payload| run::<W>(ground, ctx, payload).boxed() };
        self.runners.insert(W::TYPE.name, runner);
        self
    }

    /// The function behind the queue.
    pub fn function(self) -> Function {
        let worker = Arc::new(self);
        Function::Sqs(Arc::new(move |event, curfew| {
            let worker = Arc::clone(&worker);
            Box::pin(async move { worker.handle(event, curfew).await })
        }))
    }

    /// Works through a batch, its jobs at once, and answers those messages that have to come again. At the curfew
    /// it stops what still runs, and gives it back.
    async fn handle(&self, event: SqsEvent, curfew: Curfew) -> SqsBatchResponse {
        let messages: Vec<&SqsMessage> = event.records.iter().collect();
        // The queue hides them for as long as a function may run; a worker that is killed keeps them no longer than its lease.
        if let Err(error) = self.desk.hide(&messages, LEASE).await {
            tracing::warn!(error = causes(&error), "messages stay hidden for longer than a lease");
        }
        let stop = watch::Sender::new(false);
        let work = join_all(messages.into_iter().map(|message| self.message(message, stop.subscribe())));
        let mut work = pin!(work);
        let failed = tokio::select! {
            biased;
            failed = &mut work => failed,
            () = curfew => {
                stop.send_replace(true);
                work.await
            }
        };
        failed_messages(failed.into_iter().flatten())
    }

    /// Handles a message; answers its id when it has to come again.
    async fn message(&self, message: &SqsMessage, stop: watch::Receiver<bool>) -> Option<String> {
        let id = message.message_id.clone().unwrap_or_default();
        let request_id = message.message_attributes.get("request_id");
        let request_id = request_id.and_then(|id| id.string_value.as_deref()).unwrap_or_default();
        let span = tracing::info_span!("message", request_id, message_id = id);
        async {
            match self.work(message, stop).await {
                Ok(Handled::Done(outcome)) => {
                    tracing::info!(outcome, "done");
                    return None;
                }
                Ok(Handled::Later(after)) => {
                    // Should this fail, it comes when the lease would end.
                    if let Err(error) = self.desk.hide(&[message], after).await {
                        tracing::warn!(error = causes(&error), "a message comes later than it should");
                    }
                }
                Err(error) => tracing::error!(error = causes(&error), "it should come again"),
            }
            Some(id)
        }
        .instrument(span)
        .await
    }

    async fn work(&self, message: &SqsMessage, stop: watch::Receiver<bool>) -> Result<Handled> {
        let body = message.body.as_deref().unwrap_or_default();
        let named = match JobMessage::parse(body) {
            Ok(named) => named,
            Err(reason) => return self.bury(body, &reason).await,
        };
        let key = key_of(named.tenant_id, named.job_id);
        for _ in 0..TRIES {
            let Some(job) = self.desk.store.get_consistent::<Job>(&key).await? else {
                return Ok(Handled::Done("there is no such job any more"));
            };
            let Some(runner) = self.runners.get(job.job_type.as_str()) else {
                if self.give_up(&job).await? {
                    return Ok(Handled::Done("no worker of this queue knows its type"));
                }
                continue;
            };
            match job.claim(self.desk.clock.now(), &runner.job_type.terms) {
                Claim::Drop => return Ok(Handled::Done("it had ended before")),
                Claim::Wait(time) => return Ok(Handled::Later(time + TICK)),
                Claim::End(next, happening) => {
                    if self.close(&job, *next, happening).await? {
                        return Ok(Handled::Done(happening.action()));
                    }
                }
                Claim::Run(next) => {
                    if !self.take_place(runner, &next).await? {
                        return Ok(Handled::Later(place_wait(message, &job)));
                    }
                    if let Some(claimed) = self.desk.store.note_job(*next, &job).await? {
                        return self.attempt(runner, claimed, message, stop).await;
                    }
                }
            }
        }
        Ok(Handled::Later(TICK))
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<Handled> {
        self.desk.bury(body, reason).await?;
        tracing::error!(reason, "a message cannot be handled; it is among the dead letters");
        Ok(Handled::Done("buried"))
    }

    /// Ends a job that no worker of this queue can run; `false` when somebody else was faster.
    async fn give_up(&self, job: &Stored<Job>) -> Result<bool> {
        let detail = format!("no worker of its queue knows the type {}", job.job_type);
        let failure = Failure { rule: "type_unknown".to_owned(), detail };
        match job.undeliverable(failure, self.desk.clock.now()) {
            Some(next) => self.close(job, next, Move::Die).await,
            None => Ok(true),
        }
    }

    async fn take_place(&self, runner: &Runner<G>, job: &Job) -> Result<bool> {
        let Some(places) = runner.job_type.per_tenant_max else { return Ok(true) };
        let now = self.desk.clock.now();
        self.desk.store.take_place(job, places, now + LEASE, now).await
    }

    /// Writes how an attempt ended.
    async fn finish(&self, runner: &Runner<G>, ctx: &Context, ending: Ending) -> Result<Handled> {
        let told = ctx.take_told();
        let mut last = Error::unavailable("end a job", "somebody else kept being faster");
        for _ in 0..TRIES {
            let row = ctx.running.current().await;
            let (fence, now) = (ctx.running.fence(), self.desk.clock.now());
            let (mut next, happening) = match row.ended(fence, ending.clone(), &runner.job_type.terms, now) {
                Ok(ended) => ended,
                Err(lease) => return Ok(too_late(&lease)),
            };
            next.progress = told.clone().or(next.progress);
            match self.close(&row, next, happening).await {
                Ok(true) => return Ok(Handled::Done(happening.action())),
                Ok(false) => {}
                Err(error) if error.is_retryable() => last = error,
                Err(error) => return Err(error),
            }
            match ctx.running.read(&self.desk).await {
                Ok(_) => {}
                // It is written, though nobody heard so in time; or this worker was taken for dead.
                Err(error) if is_lost(&error) => return Ok(too_late(&error)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Commits what becomes of a job; `false` when somebody else was faster.
    async fn close(&self, job: &Stored<Job>, next: Job, happening: Move) -> Result<bool> {
        let actor = by_itself(job.request_id.clone(), self.desk.clock.now());
        let letter = (happening == Move::Die).then(|| DeadLetter::of(&next, self.desk.queue_name, actor.now));
        let change = letter.iter().fold(Change::move_job(happening, job, &next), Change::put);
        match self.desk.store.commit(&actor, change).await {
            Ok(()) => Ok(true),
            Err(Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

async fn run<W: Work>(ground: &W::Ground, ctx: &Context, payload: &str) -> Result<String> {
    // It was checked against the schema; what that cannot say is said by the type.
    let work: W = serde_json::from_str(payload).map_err(|error| {
        Error::Malformed(format!("the payload is not what {} takes: {error}", W::TYPE.name).into())
    })?;
    let output = work.run(ground, ctx).await?;
    serde_json::to_string(&output).map_err(|error| Error::internal("write a job's result", error))
}

/// How long a job waits for a place: longer the longer it has waited.
fn place_wait(message: &SqsMessage, job: &Job) -> Duration {
    let received = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let steps = 1 + (received.unwrap_or(0) / WAITS_PER_STEP).min(STEPS_MAX);
    let wait = PLACE_WAIT * steps;
    wait + wait * u32::from(job.share()) / 256
}

/// Says that a worker may not write how its attempt ended. Its message brings the job to whoever has it now, or will.
fn too_late(error: &dyn std::error::Error) -> Handled {
    tracing::warn!(error = causes(error), "this worker was taken for dead; it writes nothing");
    Handled::Later(TICK)
}
