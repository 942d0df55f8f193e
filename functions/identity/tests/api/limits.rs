//! How often one may ask.

use std::time::Duration;

use serde_json::json;
use testkit::{Answer, App, Call, Lab};

use crate::people::{PASSWORD, email, person};

async fn limited() -> (App, App) {
    let lab = Lab::new();
    (lab.http("identity", identity::function).await, lab.limited().http("identity", identity::function).await)
}

fn wait(answer: &Answer) -> Duration {
    Duration::from_secs(answer.header("retry-after").parse().unwrap())
}

/// Makes a request an attempt, the n-th.
type Attempt = fn(Call, usize) -> Call;

#[tokio::test]
async fn what_takes_a_secret_has_five_attempts_a_minute_per_network() {
    let (_, app) = limited().await;
    let attempts: [(&str, Attempt); 4] = [
        ("/api/v1/auth/register", |call, _| call.json(&json!({"email": "nobody"}))),
        ("/api/v1/auth/login", |call, n| {
            // An account's own lock is another matter.
            call.json(&json!({"email": email(&format!("nobody{n}")), "password": PASSWORD}))
        }),
        ("/api/v1/auth/password/forgot", |call, _| call.json(&json!({"email": "nobody"}))),
        ("/api/v1/auth/token", |call, _| {
            let form = call.header("content-type", "application/x-www-form-urlencoded");
            form.raw("grant_type=client_credentials&client_id=x&client_secret=y")
        }),
    ];
    for (path, body) in attempts {
        for n in 0..5 {
            let answer = body(app.post(path), n).await;
            assert!((400..429).contains(&answer.status.as_u16()), "{path}: {}", answer.status);
            assert_eq!(answer.header("ratelimit-policy"), r#""default";q=5;w=60"#);
        }
        let refused = body(app.post(path), 5).await;
        assert_eq!((refused.status.as_u16(), wait(&refused)), (429, Duration::from_secs(12)), "{path}");
        // A neighbour, and another of the same network's addresses.
        let elsewhere = body(app.post(path).ip("203.0.113.2"), 6).await;
        assert_ne!(elsewhere.status, 429, "{path}");
    }
    app.lab().advance(Duration::from_secs(12));
    for (path, body) in attempts {
        assert_ne!(body(app.post(path), 7).await.status, 429, "{path}");
        let refused = body(app.post(path), 8).await;
        assert_eq!((refused.status.as_u16(), wait(&refused)), (429, Duration::from_secs(24)), "{path}");
    }
}

#[tokio::test]
async fn strangers_are_counted_by_network_and_documents_are_free() {
    let (_, app) = limited().await;
    let refresh =
        |ip: &'static str| app.post("/api/v1/auth/refresh").ip(ip).json(&json!({"refresh_token": "x"}));
    for _ in 0..60 {
        refresh("2001:db8:1:2::1").await.expect(401);
    }
    refresh("2001:db8:1:2:3:4:5:6").await.expect(429);
    refresh("2001:db8:1:3::1").await.expect(401);
    for _ in 0..100 {
        let jwks = app.get("/.well-known/jwks.json").ip("2001:db8:1:2::1").await.expect(200);
        assert_eq!(jwks.header("ratelimit"), "");
    }
}

#[tokio::test]
async fn a_counted_read_of_me_costs_half_a_read_unit_and_a_write_unit() {
    let (free, app) = limited().await;
    let ann = person(&free, "ann").await;
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    let warm = app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    let consumed = (warm.consumed.read_units, warm.consumed.write_units, warm.consumed.calls);
    assert_eq!(consumed, (0.5, 1.0, 2));
    assert_eq!(warm.header("ratelimit"), r#""default";r=58;t=2"#);
    let unchanged =
        app.get("/api/v1/me").bearer(&ann.access).header("if-none-match", warm.header("etag")).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.header("ratelimit")), (304, r#""default";r=57;t=3"#));
}
