//! `Idempotency-Key`, on the creation that everybody makes first.

use std::collections::HashSet;

use serde_json::{Value, json};
use testkit::{App, Call};

use crate::people::{PASSWORD, app, email, login};

fn body(name: &str, password: &str) -> Value {
    json!({"email": email(name), "username": name, "password": password})
}

fn register(app: &App, key: &str, body: &Value) -> Call {
    let call = app.post("/api/v1/auth/register");
    call.header("idempotency-key", key).json(body)
}

#[tokio::test]
async fn the_same_request_is_answered_with_the_first_answer() {
    let app = app().await;
    let first = register(&app, "k-1", &body("ann", PASSWORD)).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    app.lab().advance(std::time::Duration::from_hours(23));
    let again = register(&app, "k-1", &body("ann", PASSWORD)).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body, first.body);
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    // Without the key it is another request, and with the key it is another body.
    app.post("/api/v1/auth/register").json(&body("ann", PASSWORD)).await.problem(409);
    let other = register(&app, "k-1", &body("bob", PASSWORD)).await.problem(422);
    assert_eq!(other["errors"][0]["pointer"], "Idempotency-Key");
    login(&app, "bob").await.problem(401);
    // Keys belong to who sends them.
    register(&app, "k-1", &body("bob", PASSWORD)).ip("198.51.100.1").await.expect(201);
}

#[tokio::test]
async fn a_key_is_kept_for_a_day() {
    let app = app().await;
    register(&app, "k-1", &body("ann", PASSWORD)).await.expect(201);
    app.lab().advance(std::time::Duration::from_hours(24));
    register(&app, "k-1", &body("ann", PASSWORD)).await.problem(409);
}

#[tokio::test]
async fn a_key_has_a_form() {
    let app = app().await;
    let long = "k".repeat(256);
    for key in ["", "a b", "ü", &long] {
        let refused = register(&app, key, &body("ann", PASSWORD)).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "Idempotency-Key", "{key}");
    }
    register(&app, &long[1..], &body("ann", PASSWORD)).await.expect(201);
}

#[tokio::test]
async fn a_request_that_failed_gives_its_key_back() {
    let app = app().await;
    register(&app, "k-1", &body("ann", "password123")).await.problem(422);
    register(&app, "k-1", &json!({"email": 1})).await.problem(422);
    let made = register(&app, "k-1", &body("ann", PASSWORD)).await.expect(201);
    assert_eq!(made.header("idempotent-replayed"), "");
    register(&app, "k-2", &body("ann", PASSWORD)).await.problem(409);
    register(&app, "k-2", &body("bob", PASSWORD)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_many_times_at_once_makes_one_account() {
    let app = app().await;
    let calls = (0..20).map(|_| tokio::spawn(register(&app, "k-1", &body("ann", PASSWORD)).into_future()));
    let mut made = HashSet::new();
    let mut firsts = 0;
    for answer in futures_util::future::join_all(calls).await {
        let answer = answer.unwrap();
        if answer.status.as_u16() == 201 {
            firsts += usize::from(answer.header("idempotent-replayed").is_empty());
            made.insert(answer.body);
        } else {
            assert!(!answer.header("retry-after").is_empty());
            let problem = answer.problem(409);
            assert_eq!(problem["type"], "urn:groundwork:problem:in-progress");
        }
    }
    assert_eq!((made.len(), firsts), (1, 1));
    let again = register(&app, "k-1", &body("ann", PASSWORD)).await.expect(201);
    assert!(made.contains(&again.body));
}
