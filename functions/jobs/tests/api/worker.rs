//! What a worker does with what goes wrong.

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kernel::job::{Claim, Ending, Job, LEASE, Move, Outcome, Retry, Terms};
use platform::config::Vars;
use serde_json::{Value, json};
use store::{Change, job::JobMessage};
use testkit::{Effect as Fault, InjectedFault, Service, queue::event, rows};

use crate::{
    effect::{self, Effect, marks},
    plant::{DEAD, LEFT, Plant, scheduler},
};

#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_one_by_one() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let ask = async |effect: Effect| effect.ask(&plant.lab, plant.tenant_id).await;
    let panicking = ask(Effect { panics: true, steps: 1, ..Effect::default() }).await;
    let fine = ask(Effect { steps: 3, ..Effect::default() }).await;
    let stumbling = ask(Effect { stumbles: 1, steps: 1, ..Effect::default() }).await;
    plant.relay().await;
    plant.queue.send("poison", 0).await;
    let messages = plant.queue.receive(10).await;
    assert_eq!(messages.len(), 4);
    let answer = worker(event(&messages), LEFT.into()).await;
    assert!(answer.batch_item_failures.is_empty(), "each was handled: {answer:?}");
    for message in &messages {
        plant.queue.delete(message).await;
    }
    assert_eq!(plant.row(fine).await.status.name(), "succeeded");
    let row = plant.row(panicking).await;
    assert_eq!((row.status.name(), row.failure.as_ref().unwrap().rule.as_str()), ("retrying", "panicked"));
    assert_eq!(plant.row(stumbling).await.status.name(), "retrying");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        plant.relay().await;
        plant.queue.deliver(&worker, LEFT).await;
    }
    for job in [panicking, fine, stumbling] {
        assert_eq!(plant.row(job).await.status.name(), "succeeded");
    }
    assert_eq!((marks(&plant.lab, fine).await.len(), marks(&plant.lab, panicking).await.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn poison_goes_among_the_dead_letters_with_its_reason() {
    let plant = Plant::new().await;
    for (body, reason) in [
        ("poison", "the message is not JSON"),
        (r#"{"v":7}"#, "the message has the unknown version 7"),
        (r#"{"v":1}"#, "the message names no job"),
    ] {
        plant.queue.send(body, 0).await;
        assert_eq!(plant.queue.deliver(&plant.worker, LEFT).await, (1, 0));
        assert_eq!(plant.file().await, (1, 0));
        let letters = plant.call("GET", &format!("{DEAD}?sort=-created_at&limit=1")).await.expect(200).json();
        let letter = &letters["items"][0];
        assert!(letter["reason"].as_str().unwrap().starts_with(reason), "{letter}");
        assert_eq!((&letter["body"], &letter["queue"]), (&json!(body), &json!("JOBS_QUEUE_URL")));
        let id = letter["id"].as_str().unwrap();
        plant.call("POST", &format!("{DEAD}/{id}/redrive")).await.expect(204);
        plant.call("POST", &format!("{DEAD}/{id}/redrive")).await.expect(404);
    }
    // They leave by the outbox.
    let outbox = rows::rows(&plant.lab).await;
    let waiting = rows::table(&outbox, "outbox");
    assert_eq!(waiting.iter().filter(|row| row.contains("JOBS_QUEUE_URL")).count(), 3, "{waiting:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_message_was_given_up_is_not() {
    let plant = Plant::new().await;
    let job = plant.sleep(0, 0).await;
    plant.news();
    let message = serde_json::to_string(&JobMessage::of(&plant.row(job).await.value)).unwrap();
    plant.lab.queue("jobs-worker", "JOBS_DEAD_LETTER_QUEUE_URL").send(&message, 0).await;
    assert_eq!(plant.file().await, (1, 0));
    assert_eq!(plant.call("GET", DEAD).await.expect(200).json()["items"], json!([]));
    tokio::time::sleep(Duration::from_secs(61)).await;
    plant.sweep().await;
    assert_eq!(plant.finish(job).await["status"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_type_that_no_worker_knows_is_a_dead_letter() {
    let plant = Plant::new().await;
    let job = Effect::default().ask(&plant.lab, plant.tenant_id).await;
    assert_eq!(plant.work().await, (1, 0));
    let letters = plant.call("GET", DEAD).await.expect(200).json();
    let reason = letters["items"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "type_unknown: no worker of its queue knows the type test.effect");
    assert_eq!(plant.get(job).await["status"], "dead");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_killed_is_followed_by_another_and_what_it_did_is_not_done_twice() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let effect = Effect { steps: 20, step_ms: 1000, ..Effect::default() };
    let job = effect.ask(&plant.lab, plant.tenant_id).await;
    plant.relay().await;
    let messages = plant.queue.receive(1).await;
    let killed =
        tokio::time::timeout(Duration::from_millis(8_500), worker(event(&messages), LEFT.into())).await;
    assert!(killed.is_err(), "it was at work");
    assert_eq!(marks(&plant.lab, job).await.len(), 8);
    let at = tokio::time::Instant::now();
    while plant.row(job).await.fence == 1 {
        let again = plant.queue.receive(1).await;
        if !again.is_empty() {
            worker(event(&again), LEFT.into()).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(at.elapsed() < Duration::from_mins(1), "nobody takes it over");
    }
    let row = plant.row(job).await;
    assert_eq!((row.status.name(), row.fence, row.attempts), ("succeeded", 2, 2));
    assert_eq!(marks(&plant.lab, job).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_tell_that_it_lives_stops_before_another_begins() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let job =
        Effect { steps: 1, step_ms: 300_000, ..Effect::default() }.ask(&plant.lab, plant.tenant_id).await;
    plant.relay().await;
    let messages = plant.queue.receive(1).await;
    let began = tokio::time::Instant::now();
    let cut = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        plant.lab.cloud().inject(vec![InjectedFault::on(Service::Dynamo, Fault::Reset).of("jobs-worker")]);
    };
    let (answer, ()) = tokio::join!(worker(event(&messages), LEFT.into()), cut);
    plant.lab.cloud().inject(Vec::new());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(answer.batch_item_failures.len(), 1, "its message brings the job to somebody else");
    assert!(marks(&plant.lab, job).await.is_empty());
    assert_eq!(plant.row(job).await.status.name(), "running", "it has written nothing");
    tokio::time::sleep(Duration::from_secs(5)).await;
    while plant.row(job).await.fence == 1 {
        plant.queue.deliver(&worker, LEFT).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(began.elapsed() < Duration::from_mins(10), "nobody goes on");
    }
    assert_eq!(plant.row(job).await.status.name(), "succeeded");
}

const TERMS: Terms = Terms {
    time_limit: Duration::from_mins(1),
    retry: Retry { attempts_max: 9, base: Duration::from_secs(1), wait_max: Duration::from_secs(1) },
};

#[tokio::test(start_paused = true)]
async fn what_a_zombie_writes_is_refused_by_the_table() {
    let plant = Plant::new().await;
    let store = plant.lab.store();
    let id = plant.sleep(0, 0).await;
    let claim = |job: &Job| match job.claim(plant.lab.clock().now(), &TERMS) {
        Claim::Run(next) => *next,
        other => panic!("{other:?}"),
    };
    let waiting = plant.row(id).await;
    let zombie = store.note_job(claim(&waiting), &waiting).await.unwrap().unwrap();
    assert!(store.note_job(claim(&waiting), &waiting).await.unwrap().is_none(), "one of two has it");
    // Its clock stands still.
    let then = plant.lab.clock().now();
    tokio::time::sleep(Duration::from_secs(31)).await;
    let now = plant.lab.clock().now();
    let lapsed = plant.row(id).await;
    let other = store.note_job(claim(&lapsed), &lapsed).await.unwrap().unwrap();
    let renewed = zombie.renewed(1, None, None, then).unwrap();
    assert!(store.note_job(renewed, &zombie).await.unwrap().is_none());
    let (next, _) = zombie.ended(1, Ending::Done(Outcome::Inline("1".into())), &TERMS, then).unwrap();
    let written = plant.lab.try_commit(Change::move_job(Move::Succeed, &zombie, &next)).await;
    assert!(written.is_err());
    let (ended, _) = other.ended(2, Ending::Cancelled, &TERMS, now).unwrap();
    assert!(store.note_job(ended, &other).await.is_err(), "an end is a change, with its entry");
    assert_eq!((plant.row(id).await.fence, plant.row(id).await.rev()), (2, other.rev()));
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_job_was_taken_over_writes_nothing_and_says_so_once() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let effect = Effect { steps: 5, step_ms: 10_000, ..Effect::default() };
    let job = effect.ask(&plant.lab, plant.tenant_id).await;
    plant.relay().await;
    let messages = plant.queue.receive(1).await;
    let takes_over = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let row = plant.row(job).await;
        // As somebody would whose clock is half a minute ahead.
        let Claim::Run(next) = row.claim(plant.lab.clock().now() + LEASE, &TERMS) else { panic!("{row:?}") };
        plant.lab.store().note_job(*next, &row).await.unwrap().unwrap()
    };
    let (answer, taken) = tokio::join!(worker(event(&messages), LEFT.into()), takes_over);
    assert_eq!(answer.batch_item_failures.len(), 1, "its message brings the job to whoever may have it");
    assert_eq!(plant.row(job).await.rev(), taken.rev(), "it has written to the job");
    assert!(marks(&plant.lab, job).await.is_empty());
    let told = plant.lab.log_of(&job.to_string());
    let refusals = told.iter().filter(|line| line.contains("the lease was lost")).count();
    assert_eq!(refusals, 1, "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn no_job_is_lost_between_its_commit_and_its_message() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let mut jobs = Vec::new();
    let kills = Vars::from_process().get("JOBS_KILLS").map_or(100, |kills| kills.parse().unwrap());
    for n in 0..kills {
        jobs.push(Effect { steps: 1, ..Effect::default() }.ask(&plant.lab, plant.tenant_id).await);
        // A relay that is killed wherever it stands: before it sends, after that, before it says so.
        let records = plant.news();
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        crate::sim::Kill::after((plant.relay)(event), n % 12).await;
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(61)).await;
        plant.sweep().await;
        while plant.queue.deliver(&worker, LEFT).await != (0, 0) {}
    }
    for job in jobs {
        assert_eq!(plant.row(job).await.status.name(), "succeeded");
        assert_eq!(marks(&plant.lab, job).await, [0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_its_places_and_no_more() {
    let plant = Plant::new().await;
    let mut jobs = Vec::new();
    for _ in 0..25 {
        jobs.push(plant.sleep(8, 0).await);
    }
    plant.relay().await;
    let mut running = tokio::task::JoinSet::new();
    let mut most = 0;
    for _ in 0..120 {
        for message in plant.queue.receive(10).await {
            let (worker, queue) = (plant.worker.clone(), plant.queue.clone());
            running.spawn(async move {
                if worker(event(std::slice::from_ref(&message)), LEFT.into())
                    .await
                    .batch_item_failures
                    .is_empty()
                {
                    queue.delete(&message).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rows = plant.lab.store().all(&store::job::of_tenant(plant.tenant_id)).await.unwrap();
        most = most.max(rows.iter().filter(|job| job.status.name() == "running").count());
    }
    assert_eq!(most, 10);
    for job in jobs {
        let row = plant.row(job).await;
        assert_eq!((row.status.name(), row.attempts), ("succeeded", 1), "waiting for a place is no attempt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_result_is_an_object_and_read_like_any_other() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    for (bytes, is_object) in [(256 * 1024 - 2, false), (256 * 1024 - 1, true)] {
        let job = Effect { bytes, ..Effect::default() }.ask(&plant.lab, plant.tenant_id).await;
        plant.relay().await;
        plant.queue.deliver(&worker, LEFT).await;
        let row = plant.row(job).await;
        assert_eq!(matches!(row.outcome, Some(Outcome::Object(_))), is_object, "{bytes}");
        assert_eq!(plant.get(job).await["result"].as_str().map(str::len), Some(bytes));
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_written_for_longer_than_a_lease_is_not_made_again() {
    let plant = Plant::new().await;
    let worker = effect::worker(&plant.lab);
    let job = Effect { bytes: 300_000, ..Effect::default() }.ask(&plant.lab, plant.tenant_id).await;
    plant.relay().await;
    // Two attempts at writing it are given up after twenty seconds each.
    let slow = InjectedFault::on(Service::S3, Fault::LatencyMs(25_000)).times(2);
    plant.lab.cloud().inject(vec![slow.of("jobs-worker")]);
    let began = tokio::time::Instant::now();
    assert_eq!(plant.queue.deliver(&worker, LEFT).await, (1, 0));
    assert!(began.elapsed() > Duration::from_secs(31), "it was not slow: {:?}", began.elapsed());
    let row = plant.row(job).await;
    assert_eq!((row.status.name(), row.fence, row.attempts), ("succeeded", 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_rings_twice_gets_one_job() {
    let plant = Plant::new().await;
    let ring = scheduler(plant.lab.boot("jobs-scheduler")).await;
    let event = |at: &str, payload: Value| -> EventBridgeEvent {
        let detail = json!({"schedule": "nap", "at": at, "type": "demo.sleep", "payload": payload});
        serde_json::from_value(json!({"detail-type": "Job", "source": "x", "detail": detail})).unwrap()
    };
    let first = "2026-01-01T00:00:00Z";
    for at in [first, first, "2026-01-01T01:00:00Z"] {
        ring(event(at, json!({"seconds": 0}))).await.unwrap();
    }
    assert!(ring(event(first, json!({"seconds": "x"}))).await.is_err(), "what is not a payload is an alarm");
    assert_eq!(plant.work().await, (2, 0));
}
