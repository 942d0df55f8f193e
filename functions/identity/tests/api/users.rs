//! Accounts, for those who manage them.

use std::time::Duration;

use kernel::Role;
use serde_json::json;

use testkit::rows::{rows, table};

use crate::{
    cast::{Cast, text},
    people::{email, login, person},
};

#[tokio::test]
async fn operators_see_everybody_and_admins_their_members() {
    let cast = Cast::new().await;
    let list = async |role, query: &str| {
        let page = cast.call(role, "GET", format!("/api/v1/users?{query}")).await.expect(200);
        assert_eq!(page.header("cache-control"), "no-store");
        page.json()
    };
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|user| text(&user["username"])).collect()
    };
    let all = list(Role::Operator, "").await;
    assert_eq!(names(&all), ["olga", "vera", "mona", "adam", "operator", "eve"]);
    assert!(!all.to_string().contains("password"), "no password is shown");
    assert_eq!(names(&list(Role::Admin, "").await), ["olga", "vera", "mona", "adam"]);

    let mut walked = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let page = list(Role::Admin, &query).await;
        walked.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked, ["olga", "vera", "mona", "adam"]);
}

#[tokio::test]
async fn an_account_is_shown_to_those_who_see_it_in_the_list() {
    let cast = Cast::new().await;
    let path = |id: &str| format!("/api/v1/users/{id}");
    let vera = cast.who(Role::Viewer);
    let seen = cast.call(Role::Admin, "GET", path(&vera.id)).await.expect(200);
    assert_eq!(seen.json()["email"], email("vera"));
    let known = cast.call(Role::Admin, "GET", path(&vera.id));
    known.header("if-none-match", seen.header("etag")).await.expect(304);
    for stranger in
        [&cast.outsider.id, &cast.who(Role::Operator).id, "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "x"]
    {
        cast.call(Role::Admin, "GET", path(stranger)).await.problem(404);
    }
    cast.call(Role::Operator, "GET", path(&cast.outsider.id)).await.expect(200);
}

#[tokio::test]
async fn suspending_ends_every_session_and_lets_none_begin() {
    let cast = Cast::new().await;
    let eve = &cast.outsider;
    let change = |status: &str| {
        let call = cast.call(Role::Operator, "PATCH", format!("/api/v1/users/{}", eve.id));
        call.json(&json!({"status": status}))
    };
    let me = async || cast.app.get("/api/v1/me").bearer(&eve.access).await;
    me().await.expect(200);
    cast.app.lab().advance(Duration::from_millis(1));
    let before = table(&rows(cast.app.lab()).await, "audit").len();
    let suspended = change("suspended").await.expect(200);
    assert_eq!(suspended.json()["status"], "suspended");
    change("suspended").await.expect(200);
    let entries = table(&rows(cast.app.lab()).await, "audit").len() - before;
    assert_eq!(entries, 1, "asking twice is one change");

    cast.app.lab().advance(Duration::from_secs(5));
    me().await.problem(401);
    let refresh = || {
        let call = cast.app.post("/api/v1/auth/refresh");
        call.json(&json!({"refresh_token": eve.refresh}))
    };
    refresh().await.problem(401);
    login(&cast.app, "eve").await.problem(403);

    change("active").await.expect(200);
    refresh().await.problem(401);
    login(&cast.app, "eve").await.expect(200);
}

#[tokio::test]
async fn an_operator_cannot_lock_themself_out() {
    let cast = Cast::new().await;
    let operator = cast.who(Role::Operator);
    let call = cast.call(Role::Operator, "PATCH", format!("/api/v1/users/{}", operator.id));
    let problem = call.json(&json!({"status": "suspended"})).await.problem(409);
    assert!(text(&problem["detail"]).contains("self_suspension"));
    cast.call(Role::Operator, "GET", "/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_username_moves_with_its_claim() {
    let cast = Cast::new().await;
    let rename = |id: &str, name: &str| {
        let call = cast.call(Role::Operator, "PATCH", format!("/api/v1/users/{id}"));
        call.json(&json!({"username": name}))
    };
    let eve = &cast.outsider;
    let problem = rename(&eve.id, "Olga").await.problem(409);
    assert!(text(&problem["detail"]).contains("username_taken"));
    let renamed = rename(&eve.id, "Eva").await.expect(200);
    assert_eq!(renamed.json()["username"], "Eva");
    let path = format!("/api/v1/users/{}", eve.id);
    let read = cast.call(Role::Operator, "GET", path.clone()).await.expect(200);
    assert_eq!(read.header("etag"), renamed.header("etag"), "the answer's tag is the current one");
    let second = cast
        .call(Role::Operator, "PATCH", path)
        .header("if-match", renamed.header("etag"))
        .json(&json!({"username": "EVA"}));
    second.await.expect(200);
    // The old name is free, the new one is not.
    person(&cast.app, "eve2").await;
    let free = json!({"email": email("new"), "username": "eve", "password": "correct horse battery staple"});
    cast.app.post("/api/v1/auth/register").json(&free).await.expect(201);
    let taken =
        json!({"email": email("newer"), "username": "eva", "password": "correct horse battery staple"});
    cast.app.post("/api/v1/auth/register").json(&taken).await.problem(409);
}
