//! API keys: made, used, limited, rotated.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    client::{Answer, get},
    cloud::cloud,
    operator::Operator,
    people::text,
};

const KEYS: &str = "/api/v1/admin/api-keys";

/// How long another function may still use what it knew of a key.
const SEEN_EVERYWHERE: Duration = Duration::from_secs(6);

/// Makes a key.
fn create(operator: &Operator, body: &Value) -> Value {
    operator.call("POST", KEYS).json(body).send().expect(201).json()
}

const CALLS: usize = 200;

/// How many call at once: all; on the emulator eight, because each is a process there that has to start, and two hundred
/// of those on a few cores run out of time before they count anything.
fn callers() -> usize {
    if cloud().is_emulator { 8 } else { CALLS }
}

fn me(key: &Value) -> Answer {
    get("/api/v1/me").header("x-api-key", &text(key)).send()
}

#[test]
fn an_api_key_is_used_and_rotated() {
    let Some(operator) = Operator::or_skip("an_api_key_is_used_and_rotated") else { return };
    let made = create(&operator, &json!({"name": "Nightly export", "scopes": ["principal:read"]}));
    let path = format!("{KEYS}/{}", text(&made["id"]));
    let known = me(&made["key"]).expect(200).json();
    assert_eq!((&known["kind"], &known["id"]), (&json!("api_key"), &made["id"]));
    assert_eq!(known["scopes"], json!(["principal:read"]));
    get(KEYS).header("x-api-key", &text(&made["key"])).send().problem(403);
    get("/api/v1/users").header("x-api-key", &text(&made["key"])).send().problem(403);

    let rotate = operator.call("POST", &format!("{path}/rotate"));
    let rotated = rotate.json(&json!({"overlap_seconds": 600})).send().expect(201).json();
    me(&rotated["key"]).expect(200);
    me(&made["key"]).expect(200);
    let shown = operator.call("GET", &path).send().expect(200).json();
    assert!(shown["last_used_at"].is_string(), "{shown}");
    let usage = operator.call("GET", &format!("{path}/usage")).send().expect(200).json();
    assert_eq!(usage["hours"].as_array().map(|hours| hours.len().clamp(1, 2)), Some(1), "{usage}");

    operator.call("DELETE", &path).send().expect(204);
    thread::sleep(SEEN_EVERYWHERE);
    me(&rotated["key"]).problem(401);
}

#[test]
fn of_two_hundred_at_once_sixty_are_accepted() {
    let Some(operator) = Operator::or_skip("of_two_hundred_at_once_sixty_are_accepted") else { return };
    // One a minute: none comes back while the two hundred are answered.
    let made = create(&operator, &json!({"name": "Burst", "rate_per_minute": 1, "burst": 60}));
    let begun = Instant::now();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask = || (0..CALLS / callers()).map(|_| me(&made["key"])).collect::<Vec<_>>();
        let asking: Vec<_> = (0..callers()).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().flat_map(|asked| asked.join().expect("answers")).collect()
    });
    let took = begun.elapsed().as_secs() + 1;
    let mut statuses = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 60), (429, 140)]));
    let refused = answers.into_iter().find(|answer| answer.status == 429).expect("a refusal");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    // From when it came; those it stood in line with came later.
    assert!((1..=60 + took).contains(&wait), "{refused:?}");
    assert_eq!(refused.header("ratelimit-policy"), r#""default";q=60;w=3600"#);
    refused.problem(429);
}

#[test]
fn whoever_waits_as_told_is_let_in() {
    let Some(operator) = Operator::or_skip("whoever_waits_as_told_is_let_in") else { return };
    let made = create(&operator, &json!({"name": "Patient", "rate_per_minute": 30, "burst": 1}));
    me(&made["key"]).expect(200);
    for _ in 0..2 {
        let refused = me(&made["key"]).expect(429);
        thread::sleep(Duration::from_secs(refused.header("retry-after").parse().expect("seconds")));
        me(&made["key"]).expect(200);
    }
}
