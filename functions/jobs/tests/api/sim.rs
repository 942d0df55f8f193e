//! Simulated worlds: jobs, workers that are killed at any await, a relay that loses and doubles what it is told, queues that
//! deliver twice and late, tables that throttle, break off and answer after nobody listens any more, people who cancel and
//! ask again. Time is virtual, and a seed is a world: `JOBS_SIM_SEED=7` runs that one again, each wait and each id as it was.
//! `JOBS_SIM_FROM=100 JOBS_SIM_WORLDS=50` runs the fifty from 100 on; `cargo xtask bench jobs` ten thousand.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kernel::{
    Timestamp,
    id::{Id, JobId, TenantId, uuid_v7},
    job::{Job, Move, Status, Wanted},
};
use platform::{
    config::Vars,
    function::{ScheduleHandler, SqsHandler, StreamHandler},
    job::JOBS_QUEUE,
};
use serde_json::json;
use store::{Change, Store, Stored, job::key_of};
use testkit::{
    Effect as Fault, InjectedFault, Lab, Service,
    queue::{Queue, event},
};
use tokio::task::JoinSet;

use crate::{
    effect::{self, Effect, PLACES, Runs, marks},
    plant::{LEFT, relay, sweeper},
};

/// How many jobs a world has at most: more than a tenant has places.
const JOBS_MAX: u64 = 8;

/// How many worlds a test run tries.
const WORLDS: u64 = 20;

/// After how many turns everything must have ended.
const TURNS_MAX: u32 = 3_000;

/// Runs a future until it has been polled so often, then drops it where it stands.
pub(crate) struct Kill<F> {
    inner: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Kill<F> {
    pub(crate) fn after(inner: F, polls: u32) -> Self {
        Self { inner: Box::pin(inner), polls }
    }
}

impl<F: Future> Future for Kill<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.polls.checked_sub(1) else { return Poll::Ready(None) };
        self.polls = left;
        self.inner.as_mut().poll(cx).map(Some)
    }
}

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn place(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    /// An id that was made now (RFC 9562 §5.7).
    fn id<T: Id>(&mut self, now: Timestamp) -> T {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.next().to_be_bytes());
        T::from_uuid(uuid_v7(now, random))
    }

    fn narrow(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or(0)
    }
}

/// A job of a world, and what is known about what must become of it.
struct Subject {
    id: JobId,
    steps: u32,
    may_be_cancelled: bool,
    may_expire: bool,
    /// The fencing token it had when a cancellation was accepted.
    cancelled_at: Option<u64>,
    /// Whether somebody wanted it again.
    is_again: bool,
}

impl Subject {
    /// Requires that a job that has ended has ended as it may.
    fn require_right(&self, job: &Job, journal: &[String]) -> bool {
        let is_allowed = match job.status {
            Status::Succeeded => true,
            Status::Cancelled => self.cancelled_at.is_some(),
            Status::Expired => self.may_expire,
            _ => false,
        };
        let case = || format!("{job:#?}\n{}", journal.join("\n"));
        assert!(is_allowed, "it may not end so: {}", case());
        assert!(self.cancelled_at.is_none_or(|fence| fence == job.fence), "begun in spite of it: {}", case());
        true
    }
}

struct World<'a> {
    lab: &'a Lab,
    store: Store,
    dice: Dice,
    seed: u64,
    tenant_id: TenantId,
    queue: Queue,
    runs: Runs,
    worker: SqsHandler,
    relay: StreamHandler,
    sweeper: ScheduleHandler,
    position: Option<String>,
    subjects: Vec<Subject>,
    flying: JoinSet<()>,
    /// What was seen of the jobs, turn by turn.
    journal: Vec<String>,
    began: Timestamp,
}

impl<'a> World<'a> {
    /// A world behind others, whose stream was read up to `position`.
    async fn new(lab: &'a Lab, seed: u64, position: Option<String>) -> Self {
        // The AWS SDK draws the waits before it tries again from here.
        fastrand::seed(seed);
        let (mut dice, runs) = (Dice(seed), Runs::default());
        Self {
            lab,
            store: lab.store(),
            tenant_id: dice.id(lab.clock().now()),
            dice,
            seed,
            queue: lab.queue("jobs-worker", JOBS_QUEUE),
            worker: effect::counted_worker(lab, runs.clone()),
            runs,
            relay: relay(lab.boot("jobs-relay")).await,
            sweeper: sweeper(lab.boot("jobs-sweeper")).await,
            position,
            subjects: Vec::new(),
            flying: JoinSet::new(),
            journal: Vec::new(),
            began: lab.clock().now(),
        }
    }

    /// Lets it go by; answers what was seen of it, and how far the stream was read.
    async fn run(mut self) -> (Vec<String>, Option<String>) {
        let jobs = if self.dice.one_in(8) { JOBS_MAX } else { 2 };
        for _ in 0..=self.dice.below(jobs) {
            self.ask().await;
        }
        let mut swept_at = tokio::time::Instant::now();
        for _ in 0..TURNS_MAX {
            self.disturb();
            self.tell_relay().await;
            self.receive().await;
            if swept_at.elapsed() > Duration::from_mins(1) {
                swept_at = tokio::time::Instant::now();
                let polls = if self.dice.one_in(3) { self.dice.narrow(60) } else { u32::MAX };
                Kill::after((self.sweeper)(EventBridgeEvent::default()), polls).await;
            }
            // Where nobody is at work, a lease or a wait has to end first.
            let longest = if self.flying.is_empty() { 15_000 } else { 4_000 };
            tokio::time::sleep(Duration::from_millis(200 + self.dice.below(longest))).await;
            while self.flying.try_join_next().is_some() {}
            let jobs = self.look().await;
            let is_over = jobs.iter().all(|job| job.status.is_ended());
            if self.meddle(&jobs).await == 0 && is_over {
                self.verify().await;
                return (self.journal, self.position);
            }
        }
        panic!("seed {}: not everything ends\n{}", self.seed, self.journal.join("\n"))
    }

    async fn ask(&mut self) {
        let effect = Effect {
            steps: 1 + self.dice.narrow(3),
            step_ms: self.dice.below(3_000),
            stumbles: if self.dice.one_in(3) { self.dice.narrow(3) } else { 0 },
            panics: self.dice.one_in(8),
            bytes: 0,
        };
        let now = self.lab.clock().now();
        let due_at =
            now + Duration::from_millis(if self.dice.one_in(3) { self.dice.below(20_000) } else { 0 });
        let may_expire = self.dice.one_in(10);
        let deadline = may_expire.then(|| due_at + Duration::from_millis(1 + self.dice.below(60_000)));
        let id = self.dice.id(now);
        let wanted = Wanted { id, due_at, deadline, ..effect.wanted(self.lab, self.tenant_id) };
        self.lab.ask_for_job(wanted).await;
        self.subjects.push(Subject {
            id,
            steps: effect.steps,
            may_be_cancelled: self.dice.one_in(6),
            may_expire,
            cancelled_at: None,
            is_again: false,
        });
    }

    /// Puts faults in force.
    fn disturb(&mut self) {
        let mut faults = Vec::new();
        for _ in 0..self.dice.below(3) {
            let effect = match self.dice.below(4) {
                0 => Fault::Throttle,
                1 => Fault::Reset,
                2 => Fault::LostAnswer,
                _ => Fault::Error,
            };
            let service = if self.dice.one_in(3) { Service::Sqs } else { Service::Dynamo };
            let binary = ["jobs-worker", "jobs-worker", "jobs-relay", "jobs-sweeper"][self.dice.place(4)];
            let (after, times) = (self.dice.narrow(30), 1 + self.dice.narrow(4));
            faults.push(InjectedFault::on(service, effect).after(after).times(times).of(binary));
        }
        self.lab.cloud().inject(faults);
    }

    /// What has become of the jobs so far, in the order in which they were asked for.
    async fn look(&mut self) -> Vec<Stored<Job>> {
        let mut jobs = Vec::new();
        for subject in &self.subjects {
            let read = self.store.get_consistent(&key_of(self.tenant_id, subject.id)).await.unwrap();
            jobs.push(read.unwrap());
        }
        let since = self.lab.clock().now().since(self.began).as_millis();
        let seen = |job: &Stored<Job>| format!("{} {} {} {}", job.rev(), job.status, job.fence, job.attempts);
        let jobs_seen: Vec<String> = jobs.iter().map(seen).collect();
        self.journal.push(format!("{since}: {}", jobs_seen.join(", ")));
        jobs
    }

    /// Lets people cancel, and ask again; answers how many asked again.
    async fn meddle(&mut self, jobs: &[Stored<Job>]) -> usize {
        let (now, mut again) = (self.lab.clock().now(), 0);
        for (subject, job) in self.subjects.iter_mut().zip(jobs) {
            // Who is beaten to it does not insist.
            if subject.may_be_cancelled
                && self.dice.one_in(8)
                && let Ok(Some(next)) = job.cancelled(now)
            {
                let accepted = self.lab.try_commit(Change::cancel_job(job, &next)).await.is_ok();
                subject.cancelled_at = accepted.then_some(job.fence).or(subject.cancelled_at);
            }
            if !subject.is_again
                && self.dice.one_in(2)
                && let Ok(next) = job.requeued(now)
                && subject.require_right(job, &self.journal)
                && self.lab.try_commit(Change::move_job(Move::Requeue, job, &next)).await.is_ok()
            {
                subject.may_expire = next.deadline.is_some();
                subject.cancelled_at = None;
                (subject.is_again, again) = (true, again + 1);
            }
        }
        again
    }

    async fn tell_relay(&mut self) {
        let table = &self.lab.environment("jobs")["JOBS_TABLE"];
        let mut records = self.lab.cloud().stream_records(table, self.position.as_deref(), 100).unwrap();
        if records.is_empty() || self.dice.one_in(3) {
            return;
        }
        let last = records
            .last()
            .and_then(|record| record["dynamodb"]["SequenceNumber"].as_str())
            .map(str::to_owned);
        // Some are lost, as if they had been given up.
        records.retain(|_| !self.dice.one_in(12));
        let polls = if self.dice.one_in(4) { self.dice.narrow(40) } else { u32::MAX };
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let answer = Kill::after((self.relay)(event), polls).await;
        let is_done = answer.is_some_and(|answer| answer.batch_item_failures.is_empty());
        // Who was killed, and sometimes who was not, is told the same once more.
        if is_done && !self.dice.one_in(10) {
            self.position = last;
        }
    }

    async fn receive(&mut self) {
        let limit = 1 + i32::try_from(self.dice.below(6)).unwrap_or(0);
        let mut messages = self.queue.receive(limit).await;
        for message in &messages {
            if self.dice.one_in(10) {
                let delay = i32::try_from(self.dice.below(40)).unwrap_or(0);
                self.queue.send(message.body().unwrap_or_default(), delay).await;
            }
        }
        while !messages.is_empty() {
            let batch = messages.split_off(self.dice.place(messages.len()));
            let (worker, queue) = (self.worker.clone(), self.queue.clone());
            let polls = if self.dice.one_in(3) { self.dice.narrow(150) } else { u32::MAX };
            let left = if self.dice.one_in(8) { Duration::from_secs(7 + self.dice.below(20)) } else { LEFT };
            let is_deleted = !self.dice.one_in(10);
            self.flying.spawn(async move {
                let answer = Kill::after(worker(event(&batch), left.into()), polls).await;
                let failed = answer.filter(|_| is_deleted).map(|answer| answer.batch_item_failures);
                let Some(failed) = failed else { return };
                let is_done = |id: Option<&str>| !failed.iter().any(|f| Some(&*f.item_identifier) == id);
                for message in batch.iter().filter(|message| is_done(message.message_id())) {
                    queue.delete(message).await;
                }
            });
        }
    }

    async fn verify(&mut self) {
        self.lab.cloud().inject(Vec::new());
        // Zombies have time to write what they should not.
        tokio::time::sleep(Duration::from_secs(40)).await;
        self.flying.shutdown().await;
        let jobs = self.look().await;
        let journal = self.journal.join("\n");
        assert_eq!(self.runs.overlaps(), 0, "seed {}: two ran a job at once\n{journal}", self.seed);
        assert!(self.runs.most() <= PLACES as usize, "seed {}: more than have a place\n{journal}", self.seed);
        for (subject, job) in self.subjects.iter().zip(jobs) {
            subject.require_right(&job, &self.journal);
            let done = marks(self.lab, subject.id).await;
            let case = format!("{done:?} of {} in {:#?}\n{journal}", subject.steps, job.value);
            assert!(done.iter().copied().eq(0..u32::try_from(done.len()).unwrap()), "{case}");
            assert!(done.len() <= subject.steps as usize && job.look_at.is_none(), "{case}");
            assert!(job.status != Status::Succeeded || done.len() == subject.steps as usize, "{case}");
            assert!(u64::from(job.attempts) <= job.fence, "{case}");
        }
        self.clear().await;
    }

    /// Lets nothing of this world reach the next: no message, no record.
    async fn clear(&mut self) {
        // Longer than the queue hides a message.
        tokio::time::sleep(Duration::from_mins(16)).await;
        loop {
            let messages = self.queue.receive(10).await;
            for message in &messages {
                self.queue.delete(message).await;
            }
            if messages.is_empty() {
                break;
            }
        }
        let table = &self.lab.environment("jobs")["JOBS_TABLE"];
        loop {
            let records = self.lab.cloud().stream_records(table, self.position.as_deref(), 1000).unwrap();
            let Some(last) = records.last() else { return };
            self.position = last["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_world_breaks_an_invariant() {
    let vars = Vars::from_process();
    let number = |name: &str| vars.get(name).and_then(|text| text.parse::<u64>().ok());
    let from = number("JOBS_SIM_SEED").or_else(|| number("JOBS_SIM_FROM")).unwrap_or(0);
    let count = number("JOBS_SIM_SEED").map_or(number("JOBS_SIM_WORLDS").unwrap_or(WORLDS), |_| 1);
    let (mut lab, mut position) = (Lab::new().in_virtual_time(), None);
    for seed in from..from + count {
        // A cloud that is old is slow.
        if seed % 25 == 24 {
            (lab, position) = (Lab::new().in_virtual_time(), None);
        }
        position = World::new(&lab, seed, position).await.run().await.1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_the_same_world_again_alone_and_behind_others() {
    let (others, mut position) = (Lab::new().in_virtual_time(), None);
    for seed in [3, 14, 15, 92] {
        let lab = Lab::new().in_virtual_time();
        let (alone, _) = World::new(&lab, seed, None).await.run().await;
        let (behind, read) = World::new(&others, seed, position).await.run().await;
        assert_eq!(alone, behind, "seed {seed}");
        assert!(alone.len() > 2, "{alone:?}");
        position = read;
    }
}
