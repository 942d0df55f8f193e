//! New application keys and peppers: of two instances one has started with them, the other before them.

use std::time::Duration;

use platform::secrets::Secrets;
use serde_json::{Value, json};
use testkit::App;

use crate::{
    mailbox::Post,
    people::{app, email, login, person},
};

/// An instance that knows the first keys only, and one that has begun to use the second ones.
async fn two() -> (App, App) {
    let old = app().await;
    let boot = old.lab().boot("identity");
    let secrets = Secrets::new(&old.lab().cloud().sdk_config(), boot.clock.clone());
    for (variable, kid) in [("APP_KEYS_SECRET", "k2"), ("PEPPER_SECRET", "p2")] {
        let id = boot.vars.get(variable).unwrap();
        let mut keys: Value = serde_json::from_str(secrets.get(id).await.unwrap().expose()).unwrap();
        keys["current"] = json!(kid);
        keys[kid] = json!(kid.repeat(20));
        secrets.put(id, uuid::Uuid::from_u128(7), &keys.to_string()).await.unwrap();
    }
    // Its own reads are behind it.
    old.lab().advance(Duration::from_secs(5));
    let new = old.lab().http("identity", identity::function).await;
    (old, new)
}

async fn refresh(app: &App, token: &Value) -> Value {
    let answer = app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": token})).await;
    answer.expect(200).json()
}

#[tokio::test]
async fn a_password_under_the_new_pepper_is_right_on_both() {
    let (old, new) = two().await;
    person(&new, "ann").await;
    login(&old, "ann").await.expect(200);
}

#[tokio::test]
async fn a_session_goes_on_on_the_other_instance() {
    let (old, new) = two().await;
    let ann = person(&new, "ann").await;
    let second = refresh(&old, &json!(ann.refresh)).await;
    let third = refresh(&new, &second["refresh_token"]).await;
    let body = json!({"refresh_token": third["refresh_token"]});
    old.post("/api/v1/auth/logout").json(&body).await.expect(204);
}

#[tokio::test]
async fn a_refresh_is_answered_alike_by_both() {
    let (old, new) = two().await;
    let ann = person(&old, "ann").await;
    // The token is of the old key, its successor of the new one.
    let successor = refresh(&new, &json!(ann.refresh)).await;
    assert_eq!(refresh(&old, &json!(ann.refresh)).await, successor);
}

#[tokio::test]
async fn a_mailed_token_is_taken_by_both() {
    let (old, new) = two().await;
    let post = Post::new(&new).await;
    person(&new, "ann").await;
    let token = post.token(&email("ann")).await;
    old.post("/api/v1/auth/email/verify").json(&json!({"token": token})).await.expect(204);
}

#[tokio::test]
async fn a_made_up_key_costs_one_read_in_five_seconds() {
    let old = app().await;
    let ann = person(&old, "ann").await;
    // `k1` with another letter.
    let forged = ann.refresh.replacen("gw_rt_Ams", "gw_rt_Amt", 1);
    assert_ne!(forged, ann.refresh);
    let reads = || old.lab().cloud().calls()["secretsmanager:GetSecretValue"];
    old.lab().advance(Duration::from_secs(5));
    let before = reads();
    for _ in 0..5 {
        let body = json!({"refresh_token": forged});
        old.post("/api/v1/auth/refresh").json(&body).await.problem(401);
    }
    assert_eq!(reads() - before, 1);
    assert_eq!(login(&old, "ann").await.status, 200);
}
