//! What must hold when many ask at once: raced for real.

use std::{collections::HashSet, time::Duration};

use kernel::Role;
use serde_json::json;
use testkit::Answer;
use tokio::task::JoinHandle;

use crate::{
    account::{erase, keys_of, try_key},
    cast::Cast,
    people::{PASSWORD, app, email, person},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_parallel_refreshes_get_one_pair() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    app.lab().advance(Duration::from_mins(5));
    let calls = (0..50).map(|_| {
        let call = app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh}));
        tokio::spawn(call.into_future())
    });
    let mut bodies = HashSet::new();
    for answer in futures_util::future::join_all(calls).await {
        bodies.insert(answer.unwrap().expect(200).body);
    }
    assert_eq!(bodies.len(), 1, "all answers are identical");

    app.lab().advance(Duration::from_secs(11));
    let replay = app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh})).await;
    replay.problem(401);
    let successor: serde_json::Value = serde_json::from_slice(bodies.iter().next().unwrap()).unwrap();
    let after =
        app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": successor["refresh_token"]})).await;
    after.problem(401);
    let access = successor["access_token"].as_str().unwrap();
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(access).await.problem(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_parallel_registrations_of_one_address_make_one_account() {
    let app = app().await;
    let calls = (0..100).map(|n| {
        let body = json!({"email": email("ann"), "username": format!("ann{n}"), "password": PASSWORD});
        tokio::spawn(app.post("/api/v1/auth/register").json(&body).into_future())
    });
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 99, "{statuses:?}");
}

/// Two clients that saw the same representation: one changes it, the other hears that it has changed since, whether it
/// came a little later or at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_to_one_etag_at_once_one_is_made_and_the_rest_are_stale() {
    let cast = Cast::new().await;
    let vera = &cast.who(Role::Viewer).id;
    let cases = [
        (format!("/api/v1/users/{vera}"), "username"),
        (format!("/api/v1/tenants/{}", cast.tenant_id), "name"),
        ("/api/v1/me".to_owned(), "username"),
    ];
    for (path, field) in cases {
        let call = |method| cast.call(Role::Operator, method, &*path);
        let seen = call("GET").await.expect(200);
        let changes = (0..8).map(|_| {
            let change = call("PATCH").header("if-match", seen.header("etag"));
            // The same for all: that the name is taken by then must not be the answer either.
            tokio::spawn(change.json(&json!({field: "another"})).into_future())
        });
        assert_one_is_made(&path, changes).await;
        call("PATCH").json(&json!({field: format!("later{}", path.len())})).await.expect(200);
    }
    let path = cast.members(vera);
    let seen = cast.call(Role::Owner, "GET", &*path).await.expect(200);
    let changes = (0..8).map(|_| {
        let change = cast.call(Role::Owner, "PATCH", &*path).header("if-match", seen.header("etag"));
        tokio::spawn(change.json(&json!({"role": "member"})).into_future())
    });
    assert_one_is_made(&path, changes).await;
}

async fn assert_one_is_made(path: &str, changes: impl Iterator<Item = JoinHandle<Answer>>) {
    let answers = futures_util::future::join_all(changes).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412], "{path}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_key_is_made_past_the_end_of_its_tenant() {
    let app = app().await;
    let mut made = Vec::new();
    for round in 0..12 {
        let ann = person(&app, &format!("ann{round}")).await;
        let makers = (0..4).map(|_| {
            let (app, ann) = (app.clone(), ann.clone());
            tokio::spawn(async move {
                let mut keys = Vec::new();
                while let Some(key) = try_key(&app, &ann.tenant_id).await {
                    keys.push(key);
                }
                keys
            })
        });
        let makers: Vec<_> = makers.collect();
        erase(&app, &ann, PASSWORD).await.expect(204);
        for keys in futures_util::future::join_all(makers).await {
            made.extend(keys.unwrap());
        }
        assert_eq!(keys_of(&app, &ann.tenant_id).await, [""; 0]);
    }
    assert!(made.len() > 24, "the makers were at it: {}", made.len());
    app.lab().advance(Duration::from_secs(5));
    for key in made {
        app.get("/api/v1/me").api_key(key.expose()).await.problem(401);
    }
}
