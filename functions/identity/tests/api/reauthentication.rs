//! What a password confirms, a login at a provider confirms only when the provider has just asked who it is.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    Answer, App, Lab,
    rows::{rows, table},
};

use crate::{
    cast::text,
    provider::{Begun, Provider},
};

async fn start() -> (App, Provider) {
    let lab = Lab::new();
    let provider = Provider::start(&lab).await;
    (provider.function(&lab).await, provider)
}

async fn erase(app: &App, tokens: &Value) -> Answer {
    app.delete("/api/v1/me").bearer(&text(&tokens["access_token"])).json(&json!({})).await
}

#[track_caller]
fn assert_not_confirmed(case: &str, answer: Answer) {
    let problem = answer.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/password", "{case}");
    let detail = text(&problem["errors"][0]["detail"]);
    assert!(detail.contains("/login?reauthenticate=true"), "{case}: it tells how: {detail}");
}

#[tokio::test]
async fn a_silent_login_confirms_nothing_however_new_it_is() {
    let (app, provider) = start().await;
    let now = app.lab().clock().now().seconds();
    for (case, auth_time) in [
        ("the provider does not say when it asked", json!(null)),
        ("it asked an hour ago", json!(now - 3600)),
        ("it asked five minutes ago", json!(now - 300)),
        ("it will ask", json!(now + 31)),
        ("what it says is no time", json!(now.to_string())),
    ] {
        let tokens = provider.log_in(&app, &json!({"auth_time": auth_time})).await.expect(200).json();
        assert_not_confirmed(case, erase(&app, &tokens).await);
    }
}

#[tokio::test]
async fn whoever_was_asked_again_may_go_for_five_minutes() {
    let (app, provider) = start().await;
    let begun = app.get("/api/v1/auth/oidc/acme/login?reauthenticate=true").await.expect(302);
    let location = begun.header("location");
    // The endpoint of this one has a prompt already: no parameter may stand twice.
    for once in ["max_age=0", "max_age=", "prompt=login", "prompt="] {
        assert_eq!(location.matches(once).count(), 1, "{once} in {location}");
    }
    let tokens = provider.log_in_again(&app, &json!({})).await.expect(200).json();
    app.lab().advance(Duration::from_secs(299));
    let other = provider.log_in_again(&app, &json!({})).await.expect(200).json();
    app.lab().advance(Duration::from_secs(1));
    assert_not_confirmed("five minutes later", erase(&app, &tokens).await);
    erase(&app, &other).await.expect(204);
}

#[tokio::test]
async fn a_provider_that_was_to_ask_and_does_not_say_so_begins_no_session() {
    let (app, provider) = start().await;
    provider.log_in(&app, &json!({})).await.expect(200);
    let before = table(&rows(app.lab()).await, "identity").clone();
    let now = app.lab().clock().now().seconds();
    for (case, auth_time) in [
        ("no time", json!(null)),
        ("before the login began", json!(now - 31)),
        ("in the future", json!(now + 31)),
        ("text", json!(now.to_string())),
        ("a truth", json!(true)),
        ("no whole second", json!(0.5)),
        ("a list", json!([now])),
    ] {
        let refused = provider.log_in_again(&app, &json!({"auth_time": auth_time})).await;
        assert_eq!(refused.status, 401, "{case}");
    }
    assert_eq!(*table(&rows(app.lab()).await, "identity"), before);
    for within_what_clocks_differ in [now - 30, now + 30] {
        let claims = json!({"auth_time": within_what_clocks_differ});
        provider.log_in_again(&app, &claims).await.expect(200);
    }
}

#[tokio::test]
async fn a_person_may_take_their_time_at_the_provider() {
    let (app, provider) = start().await;
    let begun = app.get("/api/v1/auth/oidc/acme/login?reauthenticate=true").await.expect(302);
    let begun = Begun::read("acme", &begun);
    let code = provider.authorize(&begun);
    let now = app.lab().clock().now().seconds();
    provider.state().claims = json!({"auth_time": now + 10});
    app.lab().advance(Duration::from_mins(8));
    let tokens = begun.back(&app, &format!("code={code}")).await.expect(200).json();
    assert_not_confirmed("they were asked eight minutes ago", erase(&app, &tokens).await);
}

#[tokio::test]
async fn what_a_provider_says_unasked_counts_as_much() {
    let (app, provider) = start().await;
    let now = app.lab().clock().now().seconds();
    let tokens = provider.log_in(&app, &json!({"auth_time": now - 299})).await.expect(200).json();
    app.lab().advance(Duration::from_secs(1));
    assert_not_confirmed("it counts from then, and not from the login", erase(&app, &tokens).await);
    let tokens = provider.log_in(&app, &json!({"auth_time": now - 200})).await.expect(200).json();
    erase(&app, &tokens).await.expect(204);
}

#[tokio::test]
async fn a_renewal_asks_nobody() {
    let (app, provider) = start().await;
    let tokens = provider.log_in_again(&app, &json!({})).await.expect(200).json();
    app.lab().advance(Duration::from_mins(16));
    let now = app.lab().clock().now().seconds();
    provider.state().claims = json!({"auth_time": now});
    let refresh = app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": tokens["refresh_token"]}));
    let renewed = refresh.await.expect(200).json();
    assert_eq!(provider.state().calls["/token"], 2, "it was renewed");
    assert_not_confirmed("the login was a while ago", erase(&app, &renewed).await);
}

#[tokio::test]
async fn nobody_is_asked_again_who_did_not_want_it() {
    let (app, _) = start().await;
    for query in ["", "?reauthenticate=false", "?session=cookie&reauthenticate=false"] {
        let begun = app.get(format!("/api/v1/auth/oidc/acme/login{query}")).await.expect(302);
        assert!(!begun.header("location").contains("max_age"), "{query}");
    }
    for query in ["?reauthenticate=", "?reauthenticate=1", "?reauthenticate=true&reauthenticate=true"] {
        let refused = app.get(format!("/api/v1/auth/oidc/acme/login{query}")).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "reauthenticate", "{query}");
    }
}
