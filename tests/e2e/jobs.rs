//! Jobs: asked for, followed, cancelled, tried again and given up, on whichever cloud.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    client::Answer,
    operator::Operator,
    people::{Person, text},
};

const JOBS: &str = "/api/v1/jobs";

/// How long a job may take to come to a worker. It is a second on AWS; a machine that starts functions as processes, many
/// at once, takes longer.
const PATIENCE: Duration = Duration::from_mins(2);

fn ask(person: &Person, payload: &Value) -> Answer {
    person.post(&format!("{JOBS}/demo.sleep")).json(payload).send()
}

/// The job once it stands there.
fn until(person: &Person, id: &str, status: &str) -> Value {
    let start = Instant::now();
    loop {
        let job = person.get(&format!("{JOBS}/{id}")).send().expect(200).json();
        if job["status"] == status {
            return job;
        }
        assert!(start.elapsed() < PATIENCE, "it is not {status}: {job}");
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_job_is_asked_for_and_followed_to_its_end() {
    let ann = Person::new();
    let asked = ask(&ann, &json!({"seconds": 3})).expect(202);
    let id = text(&asked.json()["id"]);
    assert_eq!(asked.header("location"), format!("{JOBS}/{id}"));
    let start = Instant::now();
    let (mut told, mut last) = (String::new(), "0".to_owned());
    while !told.contains("event: end") {
        assert!(start.elapsed() < PATIENCE, "{told}");
        let events =
            ann.get(&format!("{JOBS}/{id}/events")).header("last-event-id", &last).send().expect(200);
        assert_eq!(events.header("content-type"), "text/event-stream");
        told.push_str(&String::from_utf8(events.body).expect("text"));
        last =
            told.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap_or("0").to_owned();
    }
    let ids: Vec<u64> = told.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "each is told once: {ids:?}");
    ann.get(&format!("{JOBS}/{id}/events")).header("last-event-id", &last).send().expect(204);
    let done = until(&ann, &id, "succeeded");
    assert_eq!((&done["result"], &done["attempts"]), (&json!({"slept_seconds": 3}), &json!(1)));
    Person::new().get(&format!("{JOBS}/{id}")).send().problem(404);
    let page = ann.get(&format!("{JOBS}?status=succeeded&type=demo.sleep")).send().expect(200).json();
    assert_eq!(page["items"][0]["id"], json!(id));
}

#[test]
fn a_job_is_cancelled_and_tried_again() {
    let ann = Person::new();
    let id = text(&ask(&ann, &json!({"seconds": 120})).expect(202).json()["id"]);
    until(&ann, &id, "running");
    ann.post(&format!("{JOBS}/{id}/retry")).send().problem(409);
    ann.post(&format!("{JOBS}/{id}/cancel")).send().expect(200);
    let cancelled = until(&ann, &id, "cancelled");
    ann.post(&format!("{JOBS}/{id}/cancel")).send().problem(409);
    let retried = ann.post(&format!("{JOBS}/{id}/retry")).send().expect(200).json();
    assert_eq!((&retried["status"], &retried["id"]), (&json!("queued"), &cancelled["id"]));
    ann.post(&format!("{JOBS}/{id}/cancel")).send().expect(200);
}

#[test]
fn what_fails_each_time_is_a_dead_letter_until_it_is_redriven() {
    let Some(operator) = Operator::or_skip("what_fails_each_time_is_a_dead_letter_until_it_is_redriven")
    else {
        return;
    };
    let ann = Person::new();
    let id = text(&ask(&ann, &json!({"seconds": 0, "fail_attempts": 5})).expect(202).json()["id"]);
    until(&ann, &id, "dead");
    let dead = "/api/v1/admin/dead-letters";
    ann.get(dead).send().problem(403);
    let letters =
        operator.call("GET", &format!("{dead}?limit=100&sort=-created_at")).send().expect(200).json();
    let letters = letters["items"].as_array().expect("items").clone();
    let letter = letters.iter().find(|letter| letter["id"] == json!(id)).expect("the job is among them");
    assert_eq!(letter["job"]["type"], "demo.sleep");
    operator.call("POST", &format!("{dead}/{id}/redrive")).send().expect(204);
    operator.call("POST", &format!("{dead}/{id}/redrive")).send().problem(404);
    until(&ann, &id, "dead");
}

#[test]
fn what_is_wrong_with_a_payload_is_told() {
    let ann = Person::new();
    let unknown = ann.post(&format!("{JOBS}/demo.nap")).json(&json!({})).send().problem(404);
    assert!(text(&unknown["detail"]).contains("demo.sleep"), "{unknown}");
    let wrong = ask(&ann, &json!({"seconds": "long", "soft": true})).problem(422);
    let pointers: Vec<String> =
        wrong["errors"].as_array().expect("faults").iter().map(|fault| text(&fault["pointer"])).collect();
    assert!(pointers.contains(&"/seconds".to_owned()) && pointers.contains(&"/soft".to_owned()), "{wrong}");
    ann.post(&format!("{JOBS}/audit.export")).json(&json!({})).send().problem(403);
}
