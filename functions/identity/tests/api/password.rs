//! Changing a password, forgetting it, setting a new one.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use testkit::{Answer, App};

use crate::{
    mailbox::Post,
    people::{PASSWORD, Person, app, email, login, person},
};

const NEW: &str = "nine purple otters juggle";

async fn change(app: &App, who: &Person, current: &str, new: &str) -> Answer {
    app.post("/api/v1/me/password")
        .bearer(&who.access)
        .json(&json!({"current_password": current, "new_password": new}))
        .await
}

async fn forgot(app: &App, email: &str) -> Answer {
    let body = json!({"email": email});
    app.post("/api/v1/auth/password/forgot").json(&body).await
}

async fn reset(app: &App, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    app.post("/api/v1/auth/password/reset").json(&body).await
}

async fn login_with(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({"email": email(name), "password": password});
    app.post("/api/v1/auth/login").json(&body).await
}

async fn refresh(app: &App, token: &Value) -> Answer {
    let body = json!({"refresh_token": token});
    app.post("/api/v1/auth/refresh").json(&body).await
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let other = login(&app, "ann").await.expect(200).json();
    app.lab().advance(Duration::from_secs(1));

    change(&app, &ann, PASSWORD, NEW).await.expect(204);

    refresh(&app, &other["refresh_token"]).await.problem(401);
    app.lab().advance(Duration::from_secs(5));
    for access in [&ann.access, other["access_token"].as_str().unwrap()] {
        app.get("/api/v1/me").bearer(access).await.problem(401);
    }
    let own = refresh(&app, &json!(ann.refresh)).await.expect(200).json();
    let access = own["access_token"].as_str().unwrap();
    app.get("/api/v1/me").bearer(access).await.expect(200);
    let sessions = app.get("/api/v1/me/sessions").bearer(access).await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);

    login_with(&app, "ann", PASSWORD).await.problem(401);
    login_with(&app, "ann", NEW).await.expect(200);
}

#[tokio::test]
async fn a_new_password_has_to_be_good() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    for (new, detail) in [
        ("short", "must be 10 to 128"),
        ("password123", "is too easy"),
        ("ann@example.com", "must not be your e-mail"),
    ] {
        let refused = change(&app, &ann, PASSWORD, new).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "/new_password");
        let found = refused["errors"][0]["detail"].as_str().unwrap();
        assert!(found.starts_with(detail), "{new}: {found}");
    }
    login(&app, "ann").await.expect(200);
}

#[tokio::test]
async fn a_wrong_current_password_counts_like_a_failed_login() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    for _ in 0..5 {
        change(&app, &ann, "not this one", NEW).await.problem(403);
    }
    let locked = change(&app, &ann, PASSWORD, NEW).await.expect(429);
    assert_eq!(locked.header("retry-after"), "900");
    login(&app, "ann").await.problem(429);
    let events = app.get("/api/v1/me/login-events").bearer(&ann.access).await.json();
    let failures = events["items"].as_array().unwrap();
    let failures = failures.iter().filter(|event| event["outcome"] == "failure");
    assert_eq!(failures.count(), 5);
    app.lab().advance(Duration::from_mins(15));
    let ann = Person {
        access: login(&app, "ann").await.expect(200).json()["access_token"].as_str().unwrap().to_owned(),
        ..ann
    };
    change(&app, &ann, PASSWORD, NEW).await.expect(204);
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_every_session_and_verifies_the_address() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    app.lab().advance(Duration::from_secs(1));
    forgot(&app, &ann.email()).await.expect(202);
    let token = post.token(&ann.email()).await;
    let (subject, text) = post.mails(&ann.email()).pop().unwrap();
    assert_eq!(subject, "Set a new password");
    assert!(text.contains("/api/v1/auth/password/reset"), "{text}");

    let weak = reset(&app, &token, "password123").await.problem(422);
    assert_eq!(weak["errors"][0]["pointer"], "/password");
    reset(&app, &token, NEW).await.expect(204);

    let again = reset(&app, &token, "another purple otter sings").await.problem(422);
    assert_eq!(again["errors"][0]["pointer"], "/token");
    refresh(&app, &json!(ann.refresh)).await.problem(401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&ann.access).await.problem(401);
    login_with(&app, "ann", PASSWORD).await.problem(401);
    let tokens = login_with(&app, "ann", NEW).await.expect(200).json();
    let me = app.get("/api/v1/me").bearer(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(me.json()["email_verified"], true);
}

#[tokio::test]
async fn tokens_from_before_the_last_password_are_worth_nothing() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    let verification = post.token(&ann.email()).await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        app.lab().advance(Duration::from_secs(1));
        forgot(&app, &ann.email()).await.expect(202);
        tokens.push(post.token(&ann.email()).await);
    }
    app.lab().advance(Duration::from_secs(1));
    reset(&app, &tokens[1], NEW).await.expect(204);
    for token in [&tokens[0], &tokens[1], &verification, &"gw_mt_x".to_owned()] {
        let refused = reset(&app, token, "another purple otter sings").await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "/token");
        assert_eq!(refused["errors"][0]["detail"], "is not valid, or no longer; have a new mail sent");
    }
    app.lab().advance(Duration::from_secs(1));
    forgot(&app, &ann.email()).await.expect(202);
    let late = post.token(&ann.email()).await;
    app.lab().advance(Duration::from_mins(15));
    reset(&app, &late, "another purple otter sings").await.problem(422);
    login_with(&app, "ann", NEW).await.expect(200);
}

#[tokio::test]
async fn a_forgotten_password_tells_nobody_who_has_an_account() {
    let app = app().await;
    let post = Post::new(&app).await;
    person(&app, "ann").await;
    post.deliver(&post.jobs()).await;
    let before = post.mails(&email("ann")).len();
    let mut seen = Vec::new();
    for name in ["ann", "nobody"] {
        let calls = app.lab().cloud().calls();
        let answer = forgot(&app, &email(name)).await.expect(202);
        let mut headers: BTreeMap<String, String> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.remove("x-request-id");
        let made: BTreeMap<String, u64> = app
            .lab()
            .cloud()
            .calls()
            .into_iter()
            .map(|(call, count)| (call.clone(), count - calls.get(&call).unwrap_or(&0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let jobs = post.jobs();
        assert_eq!(jobs.len(), 1);
        assert!(post.deliver(&jobs).await.is_empty());
        seen.push((answer.body, headers, made, jobs[0].len()));
    }
    assert_eq!(seen[0], seen[1], "answer, calls to AWS and job are alike");
    assert!(seen[0].0.is_empty());
    assert_eq!(post.mails(&email("ann")).len(), before + 1);
    assert!(post.mails(&email("nobody")).is_empty());
    let invalid = forgot(&app, "nobody").await.problem(422);
    assert_eq!(invalid["errors"][0]["pointer"], "/email");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_parallel_resets_one_is_made() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    app.lab().advance(Duration::from_secs(1));
    forgot(&app, &ann.email()).await.expect(202);
    let token = post.token(&ann.email()).await;
    let password = |n: usize| format!("{NEW} {n}");
    let calls = (0..50).map(|n| {
        let body = json!({"token": token, "password": password(n)});
        tokio::spawn(app.post("/api/v1/auth/password/reset").json(&body).into_future())
    });
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    let made: Vec<usize> = (0..50).filter(|n| statuses[*n] == 204).collect();
    assert_eq!(made.len(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 49, "{statuses:?}");
    login_with(&app, "ann", &password(made[0])).await.expect(200);
}

#[tokio::test]
async fn nobody_s_mailbox_is_flooded() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    post.deliver(&post.jobs()).await;
    let before = post.mails(&ann.email()).len();
    for _ in 0..10 {
        forgot(&app, &ann.email()).await.expect(202);
    }
    post.deliver(&post.jobs()).await;
    assert_eq!(post.mails(&ann.email()).len() - before, 3);
    let verification = app.post("/api/v1/me/email/verification").bearer(&ann.access).await;
    let wait: u64 = verification.header("retry-after").parse().unwrap();
    verification.problem(429);
    app.lab().advance(Duration::from_secs(wait));
    let access = login(&app, "ann").await.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    app.post("/api/v1/me/email/verification").bearer(&access).await.expect(202);
}
