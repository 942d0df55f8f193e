//! Everything that runs jobs, in one process: the HTTP function, relay, sweeper, worker, dead letters.

use std::{sync::Mutex, time::Duration};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kernel::{
    Role,
    id::{JobId, TenantId, UserId},
    job::Job,
};
use platform::{
    Boot,
    function::{ScheduleHandler, SqsHandler, StreamHandler},
    job::{DEAD_LETTERS, JOBS_QUEUE},
};
use serde_json::{Value, json};
use store::{Stored, job::key_of};
use testkit::{Answer, App, Call, Issuer, Lab, handler, queue::Queue};

pub(crate) const JOBS: &str = "/api/v1/jobs";
pub(crate) const DEAD: &str = "/api/v1/admin/dead-letters";

/// As long as Lambda lets a worker run.
pub(crate) const LEFT: Duration = Duration::from_mins(15);

pub(crate) struct Plant {
    pub(crate) lab: Lab,
    pub(crate) app: App,
    pub(crate) issuer: Issuer,
    pub(crate) tenant_id: TenantId,
    pub(crate) person: UserId,
    pub(crate) worker: SqsHandler,
    pub(crate) queue: Queue,
    pub(crate) relay: StreamHandler,
    position: Mutex<Option<String>>,
}

impl Plant {
    pub(crate) async fn new() -> Self {
        Self::in_lab(Lab::new().in_virtual_time()).await
    }

    pub(crate) async fn in_lab(lab: Lab) -> Self {
        let issuer = Issuer::new(&lab, "jobs").await;
        let tenant_id = issuer.tenant().await;
        Self {
            app: lab.http("jobs", jobs::function).await,
            person: platform::ids::new(lab.clock().now()),
            worker: worker(lab.boot("jobs-worker")).await,
            queue: lab.queue("jobs-worker", JOBS_QUEUE),
            relay: relay(lab.boot("jobs-relay")).await,
            position: Mutex::default(),
            issuer,
            tenant_id,
            lab,
        }
    }

    /// A call by a person with this role.
    pub(crate) fn call_as(&self, role: Role, method: &str, path: &str) -> Call {
        self.app.call(method, path).bearer(&self.issuer.token_of(self.person, role, self.tenant_id))
    }

    /// A call by an operator.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.call_as(Role::Operator, method, path)
    }

    /// Asks for a job.
    pub(crate) async fn ask(&self, job_type: &str, payload: Value) -> Answer {
        self.call("POST", &format!("{JOBS}/{job_type}")).json(&payload).await
    }

    /// Asks for one that sleeps so long, whose first attempts fail.
    pub(crate) async fn sleep(&self, seconds: u32, fail_attempts: u32) -> JobId {
        let payload = json!({"seconds": seconds, "fail_attempts": fail_attempts});
        id(&self.ask("demo.sleep", payload).await.expect(202))
    }

    pub(crate) async fn get(&self, id: JobId) -> Value {
        self.call("GET", &format!("{JOBS}/{id}")).await.expect(200).json()
    }

    pub(crate) async fn post(&self, id: JobId, verb: &str) -> Answer {
        self.call("POST", &format!("{JOBS}/{id}/{verb}")).await
    }

    /// A job as it is stored.
    pub(crate) async fn row(&self, id: JobId) -> Stored<Job> {
        self.lab.store().get_consistent(&key_of(self.tenant_id, id)).await.unwrap().unwrap()
    }

    /// What the table's stream has told since this was asked last.
    pub(crate) fn news(&self) -> Vec<Value> {
        let table = &self.lab.environment("jobs")["JOBS_TABLE"];
        let mut position = self.position.lock().unwrap();
        let records = self.lab.cloud().stream_records(table, position.as_deref(), 1000).unwrap();
        let last = records.last().and_then(|record| record["dynamodb"]["SequenceNumber"].as_str());
        *position = last.map(str::to_owned).or(position.take());
        records
    }

    /// Hands what is new to the relay; answers whether it wants some of it again.
    pub(crate) async fn relay(&self) -> bool {
        let event = serde_json::from_value(json!({"Records": self.news()})).unwrap();
        !(self.relay)(event).await.batch_item_failures.is_empty()
    }

    /// Lets the relay and the worker do what there is to do now; answers how many messages the worker has handled, and
    /// how many it wants again.
    pub(crate) async fn work(&self) -> (usize, usize) {
        assert!(!self.relay().await);
        self.queue.deliver(&self.worker, LEFT).await
    }

    /// Runs until a job has ended.
    pub(crate) async fn finish(&self, id: JobId) -> Value {
        for _ in 0..200 {
            self.work().await;
            let job = self.get(id).await;
            if !job["ended_at"].is_null() {
                return job;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("it does not end: {}", self.get(id).await)
    }

    pub(crate) async fn sweep(&self) {
        sweeper(self.lab.boot("jobs-sweeper")).await(EventBridgeEvent::default()).await.unwrap();
    }

    /// Files what is among the dead letters.
    pub(crate) async fn file(&self) -> (usize, usize) {
        let handler = dead_letters(self.lab.boot("jobs-dead-letters")).await;
        self.lab.queue("jobs-worker", DEAD_LETTERS).deliver(&handler, LEFT).await
    }
}

pub(crate) fn id(answer: &Answer) -> JobId {
    answer.json()["id"].as_str().unwrap().parse().unwrap()
}

pub(crate) async fn worker(boot: Boot) -> SqsHandler {
    handler::sqs(jobs::worker(boot).await)
}

pub(crate) async fn dead_letters(boot: Boot) -> SqsHandler {
    handler::sqs(jobs::dead_letters(boot).await)
}

pub(crate) async fn relay(boot: Boot) -> StreamHandler {
    handler::stream(jobs::relay(boot).await)
}

pub(crate) async fn sweeper(boot: Boot) -> ScheduleHandler {
    handler::schedule(jobs::sweeper(boot).await)
}

pub(crate) async fn scheduler(boot: Boot) -> ScheduleHandler {
    handler::schedule(jobs::scheduler(boot).await)
}
