//! What surrounds a handler.

use crate::ground::app;

#[tokio::test]
async fn a_panic_costs_one_request() {
    let app = app().await;
    let problem = app.get("/panic").await.problem(500);
    assert_eq!(problem["type"], "urn:groundwork:problem:internal");
    assert!(!problem.to_string().contains("on purpose"), "{problem}");
    app.get("/open").await.expect(200);
}

#[tokio::test]
async fn a_header_that_means_one_thing_stands_once() {
    let app = app().await;
    for name in [
        "authorization",
        "content-type",
        "content-length",
        "if-match",
        "idempotency-key",
        "x-csrf-token",
        "x-api-key",
    ] {
        let problem = app.get("/open").header(name, "1").header(name, "1").await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    app.get("/open").header("accept", "a/b").header("accept", "c/d").await.expect(200);
}

#[tokio::test]
async fn a_request_has_one_id_the_clients_own_or_one_that_is_made() {
    let app = app().await;
    let ask =
        async |id: &str| app.get("/open").header("x-request-id", id).await.header("x-request-id").to_owned();
    let longest = "i".repeat(128);
    for id in ["1", "ann's-request", &longest] {
        assert_eq!(ask(id).await, id);
    }
    for id in ["", "a b", "ü", &"i".repeat(129)] {
        let made = ask(id).await;
        assert!(made.parse::<uuid::Uuid>().is_ok(), "{id}: {made}");
    }
    let made = [app.get("/open").await, app.get("/open").await];
    assert_ne!(made[0].header("x-request-id"), made[1].header("x-request-id"));
    // A problem carries it in its body as well.
    let problem = app.get("/nope").header("x-request-id", "mine").await.problem(404);
    assert_eq!(problem["request_id"], "mine");
}
