//! Getting in and out.

use std::time::Duration;

use platform::Boot;
use serde_json::json;
use store::Capacity;
use testkit::Lab;

use crate::people::{PASSWORD, app, email, login, person, register};

#[tokio::test]
async fn a_new_account_logs_in_and_sees_itself() {
    let app = app().await;
    let user = register(&app, "ann").await.expect(201);
    assert_eq!(user.header("location"), format!("/api/v1/users/{}", user.json()["id"].as_str().unwrap()));
    assert!(!String::from_utf8_lossy(&user.body).contains("password"), "no password comes back");
    let tokens = login(&app, "ann").await.expect(200).json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    let me = app.get("/api/v1/me").bearer(tokens["access_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(me.json()["email"], email("ann"));
    assert_eq!(me.json()["role"], "owner");
    assert_eq!(me.json()["kind"], "user");

    let again = app.get("/api/v1/me").bearer(tokens["access_token"].as_str().unwrap());
    let again = again.header("if-none-match", me.header("etag")).await.expect(304);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn a_warm_read_of_me_costs_half_a_read_unit() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    let warm = app.get("/api/v1/me").bearer(&ann.access).await.expect(200).consumed;
    assert_eq!(warm, Capacity { read_units: 0.5, write_units: 0.0, calls: 1 });
}

#[tokio::test]
async fn logging_out_ends_refresh_and_access_within_five_seconds() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    app.lab().advance(Duration::from_millis(1));
    app.post("/api/v1/auth/logout").json(&json!({"refresh_token": ann.refresh})).await.expect(204);
    app.post("/api/v1/auth/logout").json(&json!({"refresh_token": ann.refresh})).await.expect(204);
    app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh})).await.problem(401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&ann.access).await.problem(401);
}

#[tokio::test]
async fn wrong_and_unknown_look_alike() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let wrong = app
        .post("/api/v1/auth/login")
        .json(&json!({"email": email("ann"), "password": "not this one"}))
        .await;
    let unknown =
        app.post("/api/v1/auth/login").json(&json!({"email": email("bob"), "password": PASSWORD})).await;
    let (wrong, unknown) = (wrong.problem(401), unknown.problem(401));
    assert_eq!(wrong["detail"], unknown["detail"]);
    assert_eq!(wrong["type"], unknown["type"]);
}

#[tokio::test]
async fn passwords_open_nothing_where_only_providers_log_people_in() {
    let lab = Lab::new();
    let build = async |boot: Boot| {
        let vars = boot.vars.clone().with("AUTH_IDP_MODE", "oidc");
        let provider = r#"[{"name": "acme", "issuer": "https://id.example.com", "client_id": "us"}]"#;
        let vars = vars.with("AUTH_OIDC_PROVIDERS", provider);
        identity::function(Boot { vars, ..boot }).await
    };
    // The account is from before.
    register(&lab.http("identity", identity::function).await, "ann").await.expect(201);
    let app = lab.http("identity", build).await;
    login(&app, "ann").await.problem(403);
    register(&app, "bob").await.problem(403);
    let forgot = json!({"email": email("ann")});
    app.post("/api/v1/auth/password/forgot").json(&forgot).await.problem(403);
    // Both ways in: passwords are good again.
    let build = async |boot: Boot| {
        let vars = boot.vars.clone().with("AUTH_IDP_MODE", "both");
        identity::function(Boot { vars, ..boot }).await
    };
    login(&lab.http("identity", build).await, "ann").await.expect(200);
}
