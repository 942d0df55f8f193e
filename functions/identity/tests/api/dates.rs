//! When a token says that it was made, and up to when it is refused: clocks differ, and work takes time.

use std::time::Duration;

use kernel::{Timestamp, id};
use platform::{Boot, Clock};
use serde_json::json;
use testkit::{App, START};

use crate::{
    people::{app, login, person},
    walk::claims,
    wire::wired,
};

/// How long each call to AWS takes, where time passes.
const CALL: Duration = Duration::from_millis(10);

/// The function once more, under another clock.
async fn under(app: &App, clock: &Clock) -> App {
    let build = async |boot: Boot| identity::function(Boot { clock: clock.clone(), ..boot }).await;
    app.lab().http("identity", build).await
}

/// The function once more, under a clock that goes on with each call to AWS.
async fn slow(app: &App) -> (App, Clock) {
    let clock = app.lab().clock().clone();
    let moved = clock.clone();
    let slow = wired(app, move |_| {
        moved.advance(CALL);
        None
    });
    (slow.await, clock)
}

fn made_at(access: &str) -> Timestamp {
    id::made_at(claims(access)["jti"].as_str().unwrap().parse().unwrap())
}

/// A refresh on a function whose clock is ahead, and then the end of the session on one whose clock is behind.
#[tokio::test]
async fn the_end_of_a_session_covers_the_tokens_of_a_clock_that_is_ahead() {
    for way in ["logout", "delete", "reuse"] {
        let app = app().await;
        let ann = person(&app, "ann").await;
        let ahead = under(&app, &Clock::manual(START + Duration::from_millis(1))).await;
        let refresh = async |app: &App, token: &str| {
            let body = json!({"refresh_token": token});
            app.post("/api/v1/auth/refresh").json(&body).await
        };
        let second = refresh(&ahead, &ann.refresh).await.expect(200).json();
        let third = refresh(&ahead, second["refresh_token"].as_str().unwrap()).await.expect(200).json();
        let access = third["access_token"].as_str().unwrap();
        assert!(made_at(access) > START);

        match way {
            "logout" => {
                let body = json!({"refresh_token": third["refresh_token"]});
                app.post("/api/v1/auth/logout").json(&body).await.expect(204);
            }
            "delete" => {
                let path = format!("/api/v1/me/sessions/{}", claims(access)["sid"].as_str().unwrap());
                app.delete(path).bearer(access).await.expect(204);
            }
            _ => {
                refresh(&app, &ann.refresh).await.problem(401);
            }
        }

        app.lab().advance(Duration::from_secs(5));
        let refused = app.get("/api/v1/me").bearer(access).await;
        assert_eq!(refused.status, 401, "{way}");
    }
}

#[tokio::test]
async fn tokens_are_dated_when_they_are_made_and_not_when_they_were_asked_for() {
    let app = app().await;
    person(&app, "ann").await;
    let (slow, clock) = slow(&app).await;

    // Both read some items before they decide, and each read is a call.
    let asked_at = clock.now();
    let tokens = login(&slow, "ann").await.expect(200).json();
    assert!(made_at(tokens["access_token"].as_str().unwrap()) >= asked_at + 4 * CALL, "a login");

    let asked_at = clock.now();
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let tokens = slow.post("/api/v1/auth/refresh").json(&body).await.expect(200).json();
    assert!(made_at(tokens["access_token"].as_str().unwrap()) >= asked_at + 3 * CALL, "a refresh");
}
