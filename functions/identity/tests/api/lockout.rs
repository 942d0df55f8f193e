//! Guessing passwords: who is locked out, for how long, and who never is.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_smithy_runtime_api::client::{http::HttpConnectorFuture, orchestrator::HttpResponse};
use serde_json::json;
use testkit::{Answer, App, Call};

use crate::{
    people::{PASSWORD, app, email, login, person, register},
    wire::wired,
};

const STRANGER: &str = "198.51.100.66";

fn guess(app: &App, ip: &str, password: &str) -> Call {
    let body = json!({"email": email("ann"), "password": password});
    app.post("/api/v1/auth/login").ip(ip).json(&body)
}

fn retry_after(answer: &Answer) -> Duration {
    Duration::from_secs(answer.header("retry-after").parse().unwrap())
}

#[tokio::test]
async fn five_failures_lock_one_network_out_until_retry_after() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let mut locked_for = Vec::new();
    for _ in 0..2 {
        for _ in 0..5 {
            guess(&app, STRANGER, "not this one").await.problem(401);
        }
        let locked = guess(&app, STRANGER, PASSWORD).await.expect(429);
        let wait = retry_after(&locked);
        locked_for.push(wait.as_secs());
        guess(&app, "203.0.113.9", PASSWORD).await.expect(200);
        app.lab().advance(wait.saturating_sub(Duration::from_secs(1)));
        guess(&app, STRANGER, PASSWORD).await.problem(429);
        app.lab().advance(Duration::from_secs(1));
    }
    assert_eq!(locked_for, [900, 1800], "longer each time");
    guess(&app, STRANGER, PASSWORD).await.expect(200);
    // A success forgets the failures.
    for _ in 0..4 {
        guess(&app, STRANGER, "not this one").await.problem(401);
    }
    guess(&app, STRANGER, PASSWORD).await.expect(200);
}

/// Others win each write to the counters, once the attempt is admitted.
#[tokio::test]
async fn a_failure_that_cannot_be_counted_tells_nothing() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let puts = AtomicU32::new(0);
    let crowded = wired(&app, move |request| {
        let is_put = request.headers().get("x-amz-target")?.ends_with("PutItem");
        if !is_put || puts.fetch_add(1, Ordering::SeqCst) == 0 {
            return None;
        }
        let lost = json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"});
        let answer = HttpResponse::new(400.try_into().unwrap(), lost.to_string().into());
        Some(HttpConnectorFuture::ready(Ok(answer)))
    });
    let uncounted = guess(&crowded.await, STRANGER, "not this one").await;
    assert_eq!(retry_after(&uncounted.expect(429)), Duration::from_secs(1));
}

#[tokio::test]
async fn an_address_without_an_account_is_locked_alike() {
    let app = app().await;
    for _ in 0..5 {
        guess(&app, STRANGER, "not this one").await.problem(401);
    }
    let locked = guess(&app, STRANGER, PASSWORD).await.expect(429);
    assert_eq!(locked.header("retry-after"), "900");
}

#[tokio::test]
async fn a_network_of_ipv6_is_a_whole_64() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    for n in 0..5 {
        guess(&app, &format!("2001:db8:0:1::{n}"), "not this one").await.problem(401);
    }
    guess(&app, "2001:db8:0:1:ffff::", PASSWORD).await.problem(429);
    guess(&app, "2001:db8:0:2::1", PASSWORD).await.expect(200);
}

/// The clock of tokio stands still but for sleeps: what has passed was slept.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the paused clock of the test itself")]
async fn a_thousand_wrong_passwords_neither_lock_nor_delay_a_known_device() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let mut statuses = BTreeMap::new();
    for _ in 0..1000 {
        let answer = guess(&app, STRANGER, "not this one").await;
        *statuses.entry(answer.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(401, 5), (429, 995)]));
    // And from so many networks that the account as a whole is under attack.
    for n in 0..4 {
        for _ in 0..5 {
            guess(&app, &format!("192.0.2.{n}"), "not this one").await.problem(401);
        }
    }
    let start = tokio::time::Instant::now();
    login(&app, "ann").await.expect(200);
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    let known = start.elapsed();
    let start = tokio::time::Instant::now();
    guess(&app, "203.0.113.200", PASSWORD).await.expect(200);
    let unknown = start.elapsed();
    assert!(known < Duration::from_millis(50), "{known:?}");
    assert!(unknown >= Duration::from_secs(2), "a device nobody knows waits: {unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_parallel_guesses_five_are_tried() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let calls =
        (0..100).map(|n| tokio::spawn(guess(&app, STRANGER, &format!("wrong password {n}")).into_future()));
    let mut statuses = BTreeMap::new();
    for answer in futures_util::future::join_all(calls).await {
        *statuses.entry(answer.unwrap().status.as_u16()).or_insert(0) += 1;
    }
    let tried = statuses.get(&401).copied().unwrap_or(0);
    assert!((1..=5).contains(&tried), "{statuses:?}");
    assert_eq!(statuses.get(&429), Some(&(100 - tried)), "{statuses:?}");
    let events = app.get("/api/v1/me/login-events?limit=100").bearer(&ann.access).await.json();
    let failures = events["items"].as_array().unwrap();
    let failures = failures.iter().filter(|event| event["outcome"] == "failure");
    assert_eq!(failures.count(), tried);
}
