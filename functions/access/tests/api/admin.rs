//! Who gets in: operators, and whoever holds the admin secret.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Role;
use platform::{admin_secret, secrets::Secrets};
use serde_json::json;
use testkit::{Call, Lab};

use crate::office::{KEYS, Office};

const SECRET: &str = "ünlikely: to be guessed";

fn basic(call: Call, name: &str, secret: &str) -> Call {
    call.header("authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{secret}"))))
}

async fn set_secret(lab: &Lab, secret: &str) {
    let boot = lab.boot("access");
    let id = boot.vars.get("ADMIN_SECRET").unwrap().to_owned();
    let secrets = Secrets::new(&lab.cloud().sdk_config(), boot.clock.clone());
    secrets.put(&id, uuid::Uuid::new_v4(), &admin_secret::document(secret).unwrap()).await.unwrap();
}

#[tokio::test]
async fn only_operators_get_in_by_token() {
    let office = Office::new().await;
    for role in Role::ALL {
        let token = office.issuer.token(role, office.tenant_id);
        let status = if role == Role::Operator { 200 } else { 403 };
        office.app.get(KEYS).bearer(&token).await.expect(status);
        let create = office.app.post(KEYS).bearer(&token).json(&json!({"name": "Export"}));
        create.await.expect(if role == Role::Operator { 201 } else { 403 });
    }
    office.app.get(KEYS).await.problem(401);
}

#[tokio::test]
async fn the_admin_secret_opens_it_too() {
    let office = Office::new().await;
    let lab = office.app.lab();
    // Nobody has set one: nothing opens.
    basic(office.app.get(KEYS), "admin", SECRET).await.problem(401);
    set_secret(lab, SECRET).await;
    lab.advance(Duration::from_mins(1));
    for (name, secret, status) in [
        ("admin", SECRET, 200),
        ("admin", "ünlikely: to be guesseD", 401),
        ("admin", "", 401),
        ("root", SECRET, 401),
        ("", SECRET, 401),
    ] {
        basic(office.app.get(KEYS), name, secret).await.expect(status);
    }
    for broken in ["Basic", "Basic ", "Basic %%%", "Basic YWRtaW4", "Digest x"] {
        office.app.get(KEYS).header("authorization", broken).await.problem(401);
    }
    // It acts in no tenant, so a key's has to be told.
    let refused =
        basic(office.app.post(KEYS), "admin", SECRET).json(&json!({"name": "Export"})).await.problem(422);
    assert_eq!(refused["errors"][0]["pointer"], "/tenant_id");
    let body = json!({"name": "Export", "tenant_id": office.tenant_id.to_string()});
    basic(office.app.post(KEYS), "admin", SECRET).json(&body).await.expect(201);
    // Another secret: the one before is forgotten as soon as the change is seen.
    set_secret(lab, "another one").await;
    lab.advance(Duration::from_mins(1));
    basic(office.app.get(KEYS), "admin", SECRET).await.problem(401);
    basic(office.app.get(KEYS), "admin", "another one").await.expect(200);
}

#[tokio::test]
async fn guesses_of_the_admin_secret_are_few() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    set_secret(office.app.lab(), SECRET).await;
    basic(office.app.get(KEYS), "admin", SECRET).await.expect(200);
    for n in 0..4 {
        basic(office.app.get(KEYS), "admin", &format!("guess {n}")).await.expect(401);
    }
    basic(office.app.get(KEYS), "admin", "guess 5").await.expect(429);
    // Whoever had it right a moment ago still has.
    basic(office.app.get(KEYS), "admin", SECRET).await.expect(200);
    basic(office.app.get(KEYS), "admin", SECRET).ip("203.0.113.2").await.expect(200);
}

#[tokio::test]
async fn a_broken_admin_secret_is_our_fault() {
    let office = Office::new().await;
    let lab = office.app.lab();
    let boot = lab.boot("access");
    let id = boot.vars.get("ADMIN_SECRET").unwrap().to_owned();
    let secrets = Secrets::new(&lab.cloud().sdk_config(), boot.clock.clone());
    let costly = "$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for text in ["", "hash", r#"{"hash": "bcrypt"}"#, r#"{"hash": 7}"#, &format!(r#"{{"hash": "{costly}"}}"#)]
    {
        secrets.put(&id, uuid::Uuid::new_v4(), text).await.unwrap();
        lab.advance(Duration::from_mins(1));
        let problem = basic(office.app.get(KEYS), "admin", SECRET).await.problem(500);
        assert!(!problem.to_string().contains("hash"), "{problem}");
    }
    secrets.put(&id, uuid::Uuid::new_v4(), "{}").await.unwrap();
    lab.advance(Duration::from_mins(1));
    basic(office.app.get(KEYS), "admin", SECRET).await.problem(401);
}
