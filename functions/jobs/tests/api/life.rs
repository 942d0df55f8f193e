//! The life of a job, as whoever asked for it sees it.

use std::time::Duration;

use kernel::{Role, id::TenantId};
use serde_json::{Value, json};

use crate::plant::{DEAD, JOBS, LEFT, Plant, id};

#[tokio::test(start_paused = true)]
async fn a_job_is_asked_for_and_done() {
    let plant = Plant::new().await;
    let answer = plant.ask("demo.sleep", json!({"seconds": 3})).await.expect(202);
    let job = id(&answer);
    assert_eq!(answer.header("location"), format!("{JOBS}/{job}"));
    assert_eq!((&answer.json()["status"], &answer.json()["attempts"]), (&json!("queued"), &json!(0)));
    let done = plant.finish(job).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(done["result"], json!({"slept_seconds": 3}));
    assert_eq!(done["payload"], json!({"seconds": 3}));
    assert_eq!(done["progress"]["done"], 3);
    assert_eq!(plant.queue.count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_job_runs_once_though_its_message_would_be_seen_again_after_half_a_minute() {
    let plant = Plant::new().await;
    let job = plant.sleep(20 * 60, 0).await;
    plant.relay().await;
    let messages = plant.queue.receive(10).await;
    let run = (plant.worker)(testkit::queue::event(&messages), Duration::from_hours(1).into());
    let others = async {
        for _ in 0..1100 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let again = plant.queue.receive(10).await;
            assert!(again.is_empty(), "somebody else was given the message");
        }
    };
    let (answer, ()) = tokio::join!(run, others);
    assert!(answer.batch_item_failures.is_empty());
    let row = plant.row(job).await;
    assert_eq!((row.status.name(), row.fence, row.attempts), ("succeeded", 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_hands_on_where_it_was() {
    let plant = Plant::new().await;
    let job = plant.sleep(60, 0).await;
    plant.relay().await;
    let began = tokio::time::Instant::now();
    plant.queue.deliver(&plant.worker, Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(30), "it did not stop in time");
    let row = plant.row(job).await;
    assert_eq!((row.status.name(), row.attempts), ("queued", 1));
    let done = plant.finish(job).await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(1)));
    let total = began.elapsed().as_secs();
    assert!((58..70).contains(&total), "it began anew: {total} s");
}

#[tokio::test(start_paused = true)]
async fn attempts_fail_until_one_does_not() {
    let plant = Plant::new().await;
    let job = plant.sleep(1, 3).await;
    let done = plant.finish(job).await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn who_fails_each_time_is_a_dead_letter_until_somebody_gives_it_another_try() {
    let plant = Plant::new().await;
    let job = plant.sleep(0, 10).await;
    let dead = plant.finish(job).await;
    assert_eq!((&dead["status"], &dead["attempts"]), (&json!("dead"), &json!(5)));
    assert_eq!(dead["error"]["rule"], "unavailable");
    let letters = plant.call("GET", DEAD).await.expect(200).json();
    assert_eq!(letters["items"][0]["job"]["id"], json!(job.to_string()), "{letters}");
    assert!(letters["items"][0]["reason"].as_str().unwrap().starts_with("unavailable: "));

    plant.call("POST", &format!("{DEAD}/{job}/redrive")).await.expect(204);
    assert_eq!(plant.call("GET", DEAD).await.json()["items"], json!([]));
    assert_eq!(plant.get(job).await["status"], "queued");
    plant.call("POST", &format!("{DEAD}/{job}/redrive")).await.expect(404);
    assert_eq!(plant.finish(job).await["status"], "dead", "all its attempts fail");
    // The other way: whoever may ask for jobs may ask again.
    plant.post(job, "retry").await.expect(200);
    assert_eq!(plant.call("GET", DEAD).await.json()["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_cancelled_at_once_and_who_runs_within_five_seconds() {
    let plant = Plant::new().await;
    let waiting = plant.sleep(1, 0).await;
    assert_eq!(plant.post(waiting, "cancel").await.expect(200).json()["status"], "cancelled");
    assert_eq!(plant.work().await, (1, 0), "its message is there, and says nothing any more");
    assert_eq!(plant.row(waiting).await.attempts, 0);

    let job = plant.sleep(600, 0).await;
    plant.relay().await;
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(10_300)).await;
        let asked = plant.post(job, "cancel").await.expect(200).json();
        assert_eq!(asked["status"], "running");
        assert!(asked["cancel_requested_at"].is_string());
        plant.post(job, "cancel").await.expect(200);
        tokio::time::Instant::now()
    };
    let (asked, (done, _)) = tokio::join!(cancel, plant.queue.deliver(&plant.worker, LEFT));
    assert!(asked.elapsed() <= Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(done, 1);
    let ended = plant.get(job).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    let refused = plant.post(job, "cancel").await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("job_has_ended"), "{refused}");
    plant.post(job, "retry").await.expect(200);
    let refused = plant.post(job, "retry").await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("job_cannot_be_retried"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_is_to_run_later_runs_later() {
    let plant = Plant::new().await;
    for delay in [40, 1_200] {
        let call = plant.call("POST", &format!("{JOBS}/demo.sleep?delay_seconds={delay}"));
        let job = id(&call.json(&json!({"seconds": 0})).await.expect(202));
        let began = tokio::time::Instant::now();
        while plant.row(job).await.started_at.is_none() {
            plant.work().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if began.elapsed().as_secs().is_multiple_of(60) {
                plant.sweep().await;
            }
            assert!(began.elapsed() < Duration::from_secs(delay + 70), "it does not begin");
        }
        let row = plant.row(job).await;
        let waited = row.started_at.unwrap().since(row.created_at);
        assert!(
            waited >= Duration::from_secs(delay) && waited < Duration::from_secs(delay + 4),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_late_expires_wherever_it_is() {
    let plant = Plant::new().await;
    let ask = async |seconds: u32| {
        let deadline = plant.lab.clock().now() + Duration::from_secs(20);
        let call = plant.call("POST", &format!("{JOBS}/demo.sleep?deadline={deadline}"));
        id(&call.json(&json!({"seconds": seconds})).await.expect(202))
    };
    // One that runs, one that nobody begins, and one whose message comes too late.
    let running = ask(600).await;
    plant.finish(running).await;
    let forgotten = ask(0).await;
    plant.news();
    tokio::time::sleep(Duration::from_secs(21)).await;
    plant.sweep().await;
    let late = ask(0).await;
    plant.relay().await;
    tokio::time::sleep(Duration::from_secs(21)).await;
    plant.queue.deliver(&plant.worker, LEFT).await;
    for job in [running, forgotten, late] {
        let ended = plant.get(job).await;
        assert_eq!(ended["status"], "expired", "{ended}");
    }
    plant.post(late, "retry").await.expect(200);
    assert_eq!(plant.finish(late).await["status"], "succeeded", "the deadline is not asked about again");
    let past = plant.lab.clock().now();
    let call = plant.call("POST", &format!("{JOBS}/demo.sleep?deadline={past}"));
    call.json(&json!({"seconds": 0})).await.expect(422);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_with_its_place() {
    let plant = Plant::new().await;
    let problem = plant.ask("demo.nap", json!({})).await.expect(404).json();
    let detail = problem["detail"].as_str().unwrap();
    for name in ["audit.export", "demo.sleep", "jobs.cancel_all", "users.import"] {
        assert!(detail.contains(name), "{detail}");
    }
    for (payload, pointer) in [
        (json!({"seconds": 3_601}), "/seconds"),
        (json!({"seconds": -1}), "/seconds"),
        (json!({"seconds": 1, "fail_attempts": 11}), "/fail_attempts"),
        (json!({"seconds": 1, "more": 1}), "/more"),
        (json!({}), "/seconds"),
        (json!([]), ""),
    ] {
        let problem = plant.ask("demo.sleep", payload).await.expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let long = json!({"key": format!("imports/{}", "x".repeat(33_000)), "format": "csv"});
    plant.ask("users.import", long).await.expect(413);
    for query in ["delay_seconds=-1", "delay_seconds=2592001", "deadline=soon", "more=1"] {
        let call = plant.call("POST", &format!("{JOBS}/demo.sleep?{query}"));
        call.json(&json!({"seconds": 0})).await.expect(422);
    }
    plant.call("GET", &format!("{JOBS}?type=demo.nap")).await.expect(422);
    plant.call("GET", &format!("{JOBS}?status=asleep")).await.expect(422);
    plant.call("GET", &format!("{JOBS}/{}", uuid::Uuid::nil())).await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_its_tenant_s_and_its_type_s() {
    let plant = Plant::new().await;
    let job = plant.sleep(0, 0).await;
    let stranger: TenantId = plant.issuer.tenant().await;
    let token = plant.issuer.token(Role::Owner, stranger);
    for (method, path) in [
        ("GET", String::new()),
        ("GET", "/events".into()),
        ("POST", "/cancel".into()),
        ("POST", "/retry".into()),
    ] {
        plant.app.call(method, format!("{JOBS}/{job}{path}")).bearer(&token).await.expect(404);
    }
    assert_eq!(plant.app.get(JOBS).bearer(&token).await.expect(200).json()["items"], json!([]));

    let payload = json!({"tenant_ids": [plant.tenant_id.to_string()]});
    let cleaning = id(&plant.ask("jobs.cancel_all", payload.clone()).await.expect(202));
    let as_owner = plant.call_as(Role::Owner, "POST", &format!("{JOBS}/jobs.cancel_all"));
    let refused = as_owner.json(&payload).await.expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("users:write"), "{refused}");
    plant.call_as(Role::Owner, "GET", &format!("{JOBS}/{cleaning}")).await.expect(403);
    plant.call_as(Role::Viewer, "GET", &format!("{JOBS}/{job}")).await.expect(200);
    plant.call_as(Role::Viewer, "POST", &format!("{JOBS}/{job}/cancel")).await.expect(403);
    let listed = plant.call_as(Role::Owner, "GET", JOBS).await.expect(200).json();
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "an operator's job is not in the list: {listed}"
    );
    let member = plant.call_as(Role::Member, "GET", &format!("{JOBS}/{job}")).await.expect(200).json();
    assert_eq!(member["id"], json!(job.to_string()));
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_person_who_is_gone_is_cancelled() {
    let plant = Plant::new().await;
    let (first, second) = (plant.sleep(100, 0).await, plant.sleep(100, 0).await);
    let mut other = plant;
    other.person = platform::ids::new(other.lab.clock().now());
    let theirs = other.sleep(0, 0).await;
    let owner = other.row(first).await.owner.id;
    let payload = json!({"tenant_ids": [other.tenant_id.to_string()], "user_id": owner.to_string()});
    let cleaning = id(&other.ask("jobs.cancel_all", payload).await.expect(202));
    // The others wait in the queue.
    other.relay().await;
    let messages = other.queue.receive(10).await;
    let (ours, rest): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.body().unwrap().contains(&cleaning.to_string()));
    (other.worker)(testkit::queue::event(&ours), LEFT.into()).await;
    assert_eq!(other.get(cleaning).await["result"], json!({"cancelled": 2}));
    (other.worker)(testkit::queue::event(&rest), LEFT.into()).await;
    for (job, status) in [(first, "cancelled"), (second, "cancelled"), (theirs, "succeeded")] {
        assert_eq!(other.get(job).await["status"], status);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_are_listed_by_type_and_status() {
    let plant = Plant::new().await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(plant.sleep(0, 0).await.to_string());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    plant.post(jobs[2].parse().unwrap(), "cancel").await.expect(200);
    let ids = async |query: &str| -> Vec<String> {
        let page: Value = plant.call("GET", &format!("{JOBS}?{query}")).await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("").await, jobs);
    assert_eq!(ids("sort=-created_at&limit=2").await, [jobs[4].clone(), jobs[3].clone()]);
    assert_eq!(ids("status=cancelled&type=demo.sleep").await, [jobs[2].clone()]);
    assert_eq!(ids("type=audit.export").await, Vec::<String>::new());
    let types = plant.call("GET", &format!("{JOBS}/types")).await.expect(200).json();
    let names: Vec<&Value> = types["items"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["audit.export", "demo.sleep", "jobs.cancel_all", "users.import"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_request_twice_is_one_job() {
    let plant = Plant::new().await;
    let ask = async || {
        let call = plant.call("POST", &format!("{JOBS}/demo.sleep")).header("idempotency-key", "k");
        call.json(&json!({"seconds": 0})).await.expect(202)
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!(first.json(), second.json());
    assert_eq!(second.header("idempotent-replayed"), "true");
}

/// The events that a client is told: id, name, status.
fn events(body: &[u8]) -> Vec<(u64, String, String)> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().to_owned()
    };
    let events = text.split("\n\n").filter(|event| event.contains("data: "));
    events
        .map(|event| {
            let data: Value = serde_json::from_str(&field(event, "data")).unwrap();
            let status = data["status"].as_str().unwrap().to_owned();
            (field(event, "id").parse().unwrap(), field(event, "event"), status)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_job_is_told_each_step_once() {
    let plant = Plant::new().await;
    let job = plant.sleep(5, 0).await;
    plant.relay().await;
    let follow = plant.call("GET", &format!("{JOBS}/{job}/events"));
    let (told, _) = tokio::join!(follow, plant.queue.deliver(&plant.worker, LEFT));
    let told = told.expect(200);
    assert_eq!(told.header("content-type"), "text/event-stream");
    let events = events(&told.body);
    assert!(events.is_sorted() && events.len() >= 4, "{events:?}");
    assert!(events.iter().rev().skip(1).all(|(_, name, _)| name == "progress"), "{events:?}");
    let (last, name, status) = events.last().unwrap();
    assert_eq!((name.as_str(), status.as_str()), ("end", "succeeded"));

    let behind =
        |id: u64| plant.call("GET", &format!("{JOBS}/{job}/events")).header("last-event-id", id.to_string());
    assert_eq!(
        self::events(&behind(last - 1).await.expect(200).body),
        [(*last, "end".into(), "succeeded".into())]
    );
    behind(*last).await.expect(204);
    let call = plant.call("GET", &format!("{JOBS}/{job}/events")).header("last-event-id", "x");
    call.await.expect(422);
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_job_that_takes_long_comes_again() {
    let plant = Plant::new().await;
    let job = plant.sleep(0, 0).await;
    let began = tokio::time::Instant::now();
    let told = plant.call("GET", &format!("{JOBS}/{job}/events")).await.expect(200);
    assert!((24..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(events(&told.body), [(1, "progress".into(), "queued".into())]);
    assert!(String::from_utf8(told.body).unwrap().contains(": still there"));
}
