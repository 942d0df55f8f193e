//! Cookie sessions: what browsers keep, and what they must prove.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use testkit::{Answer, App, Call};

use crate::people::{PASSWORD, app, email, register};

/// What a browser knows after a login.
struct Browser {
    cookies: BTreeMap<String, String>,
    csrf: String,
}

impl Browser {
    /// Takes the cookies of an answer, which have every flag they need.
    fn of(answer: &Answer) -> Self {
        let mut cookies = BTreeMap::new();
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, flags) = cookie.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let max_age = if name == "__Host-gw_access" { 900 } else { 2_592_000 };
            assert_eq!(flags, format!("Path=/; Max-Age={max_age}; HttpOnly; Secure; SameSite=Lax"));
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let names: Vec<&str> = cookies.keys().map(String::as_str).collect();
        assert_eq!(names, ["__Host-gw_access", "__Host-gw_refresh"]);
        let body = answer.json();
        assert!(body["access_token"].is_null() && body["refresh_token"].is_null());
        let text = String::from_utf8_lossy(&answer.body);
        assert!(cookies.values().all(|value| !text.contains(value.as_str())));
        assert_eq!(body["token_type"], "Cookie");
        Self { csrf: body["csrf_token"].as_str().unwrap().to_owned(), cookies }
    }

    async fn login(app: &App) -> Self {
        let body = json!({"email": email("ann"), "password": PASSWORD, "session": "cookie"});
        Self::of(&app.post("/api/v1/auth/login").json(&body).await.expect(200))
    }

    fn send(&self, call: Call) -> Call {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        call.header("cookie", cookies.join("; "))
    }
}

#[tokio::test]
async fn an_unsafe_method_needs_the_session_s_csrf_token() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let (browser, other) = (Browser::login(&app).await, Browser::login(&app).await);
    let me = browser.send(app.get("/api/v1/me")).await.expect(200);
    assert_eq!(me.json()["username"], "ann");
    let rename = || browser.send(app.patch("/api/v1/me")).json(&json!({"username": "ann2"}));
    rename().await.problem(403);
    for wrong in ["", "x", &other.csrf, &browser.csrf[1..]] {
        rename().header("x-csrf-token", wrong).await.problem(403);
    }
    let me = browser.send(app.get("/api/v1/me")).await.expect(200);
    assert_eq!(me.json()["username"], "ann");
    let renamed = rename().header("x-csrf-token", browser.csrf.as_str()).await;
    renamed.expect(200);
}

#[tokio::test]
async fn cookies_are_refreshed_and_removed() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let browser = Browser::login(&app).await;
    let call = |path: &str| browser.send(app.post(path)).json(&json!({}));
    call("/api/v1/auth/refresh").await.problem(403);
    app.lab().advance(Duration::from_mins(1));
    let refreshed =
        call("/api/v1/auth/refresh").header("x-csrf-token", browser.csrf.as_str()).await.expect(200);
    let next = Browser::of(&refreshed);
    assert_eq!(next.csrf, browser.csrf, "the CSRF token belongs to the session, open tabs go on");
    assert_ne!(next.cookies, browser.cookies);

    let out = || next.send(app.post("/api/v1/auth/logout")).json(&json!({}));
    out().await.problem(403);
    let gone = out().header("x-csrf-token", next.csrf.as_str()).await.expect(204);
    let removed: Vec<&str> =
        gone.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(
        removed,
        [
            "__Host-gw_access=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
            "__Host-gw_refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
        ]
    );
    app.lab().advance(Duration::from_secs(5));
    next.send(app.get("/api/v1/me")).await.problem(401);
}

#[tokio::test]
async fn a_bearer_token_needs_no_csrf_token() {
    let app = app().await;
    let ann = crate::people::person(&app, "ann").await;
    app.patch("/api/v1/me").bearer(&ann.access).json(&json!({"username": "ann2"})).await.expect(200);
}

#[tokio::test]
async fn a_page_loaded_after_the_access_token_s_end_goes_on() {
    let app = app().await;
    register(&app, "ann").await.expect(201);
    let mut browser = Browser::login(&app).await;
    app.lab().advance(Duration::from_mins(16));
    browser.send(app.get("/api/v1/me")).await.problem(401);
    // The browser drops the cookie when its Max-Age is over.
    browser.cookies.remove("__Host-gw_access");
    let csrf = browser.send(app.get("/api/v1/auth/csrf")).await.expect(200).json();
    assert_eq!(csrf["csrf_token"], browser.csrf.as_str());
    let refresh = browser.send(app.post("/api/v1/auth/refresh")).json(&json!({}));
    let next = Browser::of(&refresh.header("x-csrf-token", browser.csrf.as_str()).await.expect(200));
    let out = next.send(app.post("/api/v1/auth/logout")).json(&json!({}));
    out.header("x-csrf-token", next.csrf.as_str()).await.expect(204);
    app.lab().advance(Duration::from_secs(5));
    next.send(app.get("/api/v1/auth/csrf")).await.problem(401);
    app.get("/api/v1/auth/csrf").await.problem(401);
}
