//! One's own sessions and logins.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::App;

use crate::people::{PASSWORD, Person, app, email, login, person};

/// Logs `name` in once more, from somewhere else.
async fn elsewhere(app: &App, name: &str, ip: &str) -> Value {
    app.post("/api/v1/auth/login")
        .ip(ip)
        .header("user-agent", "Lynx/2.9")
        .json(&json!({"email": email(name), "password": PASSWORD}))
        .await
        .expect(200)
        .json()
}

async fn sessions(app: &App, access: &str) -> Vec<Value> {
    let page = app.get("/api/v1/me/sessions").bearer(access).await.expect(200);
    page.json()["items"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

async fn refresh(app: &App, token: &str) -> u16 {
    let body = json!({"refresh_token": token});
    let answer = app.post("/api/v1/auth/refresh").json(&body).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn one_sees_one_s_own_sessions_newest_first() {
    let app = app().await;
    let (ann, _bob) = (person(&app, "ann").await, person(&app, "bob").await);
    app.lab().advance(Duration::from_secs(1));
    elsewhere(&app, "ann", "2001:db8::7").await;

    let found = sessions(&app, &ann.access).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["user_agent"], "Lynx/2.9");
    assert_eq!(found[0]["ip"], "2001:db8::7");
    assert_eq!((&found[0]["is_current"], &found[1]["is_current"]), (&json!(false), &json!(true)));
    assert_eq!(found[0]["kind"], "token");
    assert_eq!(found[1]["tenant_id"], ann.tenant_id);
    assert!(found.iter().all(|session| session["family"].is_null()));
}

#[tokio::test]
async fn pages_go_on_where_they_ended() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    for _ in 0..2 {
        app.lab().advance(Duration::from_secs(1));
        login(&app, "ann").await.expect(200);
    }
    for list in ["sessions", "login-events"] {
        let path = format!("/api/v1/me/{list}");
        let mut seen = Vec::new();
        let mut query = "?limit=2".to_owned();
        loop {
            let page = app.get(format!("{path}{query}")).bearer(&ann.access).await.expect(200).json();
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| text(item, "id").to_owned()));
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        sorted.reverse();
        assert_eq!((seen.len(), &seen), (3, &sorted), "{list}");

        let foreign = if list == "sessions" { "login-events" } else { "sessions" };
        let cursor = query.split_once("cursor=").unwrap().1;
        for (query, pointer) in [
            ("limit=0".to_owned(), "limit"),
            ("limit=101".to_owned(), "limit"),
            ("cursor=x".to_owned(), "cursor"),
            ("sort=ip".to_owned(), "sort"),
        ] {
            let refused = app.get(format!("{path}?{query}")).bearer(&ann.access).await.problem(422);
            assert_eq!(refused["errors"][0]["pointer"], pointer);
        }
        app.get(format!("/api/v1/me/{foreign}?cursor={cursor}")).bearer(&ann.access).await.problem(422);
    }
}

#[tokio::test]
async fn a_session_can_be_ended_from_another() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    app.lab().advance(Duration::from_secs(1));
    let other = elsewhere(&app, "ann", "198.51.100.1").await;
    let id = text(&sessions(&app, &ann.access).await[0], "id").to_owned();
    let path = format!("/api/v1/me/sessions/{id}");

    let ended = app.delete(path.clone()).bearer(&ann.access).await.expect(204);
    assert!(ended.headers.get("set-cookie").is_none(), "one's own cookies are good");
    app.delete(path).bearer(&ann.access).await.problem(404);
    assert_eq!(sessions(&app, &ann.access).await.len(), 1);
    assert_eq!(refresh(&app, text(&other, "refresh_token")).await, 401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(text(&other, "access_token")).await.problem(401);
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);

    // One's own, too.
    let own = text(&sessions(&app, &ann.access).await[0], "id").to_owned();
    let ended = app.delete(format!("/api/v1/me/sessions/{own}")).bearer(&ann.access).await.expect(204);
    assert_eq!(ended.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(refresh(&app, &ann.refresh).await, 401);
}

#[tokio::test]
async fn other_people_s_sessions_do_not_exist() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let id = text(&sessions(&app, &bob.access).await[0], "id").to_owned();
    for id in [id.as_str(), "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", "x", &id.to_uppercase()] {
        app.delete(format!("/api/v1/me/sessions/{id}")).bearer(&ann.access).await.problem(404);
    }
    assert_eq!(refresh(&app, &bob.refresh).await, 200);
}

#[tokio::test]
async fn all_sessions_can_be_ended_at_once() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let other = elsewhere(&app, "ann", "198.51.100.1").await;
    let ended = app.delete("/api/v1/me/sessions").bearer(&ann.access).await.expect(204);
    assert_eq!(ended.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(refresh(&app, &ann.refresh).await, 401);
    assert_eq!(refresh(&app, text(&other, "refresh_token")).await, 401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&ann.access).await.problem(401);
    app.get("/api/v1/me").bearer(&bob.access).await.expect(200);
    let fresh = login(&app, "ann").await.expect(200).json();
    assert_eq!(sessions(&app, text(&fresh, "access_token")).await.len(), 1, "the dead are not listed");
}

#[tokio::test]
async fn logins_are_remembered_failed_ones_too() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    app.lab().advance(Duration::from_secs(1));
    app.post("/api/v1/auth/login")
        .ip("198.51.100.1")
        .header("user-agent", "guess/1")
        .json(&json!({"email": email("ann"), "password": "not this one"}))
        .await
        .problem(401);
    let events = |who: &Person| app.get("/api/v1/me/login-events").bearer(&who.access);
    let found = events(&ann).await.expect(200).json();
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["outcome"], "failure");
    assert_eq!(items[0]["ip"], "198.51.100.1");
    assert_eq!(items[0]["user_agent"], "guess/1");
    assert_eq!(items[0]["at"], "2026-01-01T00:00:01.000Z");
    assert_eq!(items[1]["outcome"], "success");
    assert!(items[0]["subject"].is_null());
    let bobs = events(&bob).await.expect(200).json();
    assert_eq!(bobs["items"].as_array().unwrap().len(), 1);
}
