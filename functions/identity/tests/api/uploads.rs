//! Public keys of service accounts: which are taken.

use kernel::Role;
use serde_json::{Value, json};

use crate::{
    cast::{Cast, text},
    machines::key_pair,
};

fn with(mut jwk: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[tokio::test]
async fn a_key_is_taken_once_and_named() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let add = |jwk: &Value| cast.call(Role::Admin, "POST", machine.path("/keys")).json(&json!({"jwk": jwk}));
    let (_, jwk) = key_pair();
    // As `crypto.subtle.exportKey` writes it.
    let exported = with(jwk.clone(), &json!({"ext": true, "key_ops": ["verify"], "alg": "Ed25519"}));
    let made = add(&with(exported, &json!({"kid": "import-1", "use": "sig"}))).await.expect(201);
    let key = made.json();
    assert_eq!((&key["kid"], &key["alg"]), (&json!("import-1"), &json!("EdDSA")));
    assert_eq!(made.header("location"), machine.path(&format!("/keys/{}", text(&key["id"]))));
    let read = cast.call(Role::Admin, "GET", made.header("location")).await.expect(200);
    assert_eq!((read.json(), read.header("etag")), (key.clone(), made.header("etag")));
    let rule = async |jwk: &Value| text(&add(jwk).await.problem(409)["detail"]);
    assert!(rule(&jwk).await.contains("key_exists"), "the same key under no name");
    let other = with(key_pair().1, &json!({"kid": "import-1"}));
    assert!(rule(&other).await.contains("key_exists"), "another key under the same name");
    let account = cast.call(Role::Admin, "GET", machine.path("")).await.expect(200).json();
    assert_eq!(account["keys"].as_array().unwrap().len(), 2);
    assert_eq!(account["keys"][1], key);
}

#[tokio::test]
async fn what_is_no_public_key_is_refused_with_every_fault() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let (_, jwk) = key_pair();
    for (jwk, pointers) in [
        (with(jwk.clone(), &json!({"d": "AA"})), &["/jwk/d"][..]),
        (with(jwk.clone(), &json!({"alg": "HS256", "use": "enc"})), &["/jwk/alg", "/jwk/use"]),
        (with(jwk.clone(), &json!({"x5c": [], "kid": ""})), &["/jwk/kid", "/jwk/x5c"]),
        (with(jwk.clone(), &json!({"kid": "k".repeat(129)})), &["/jwk/kid"]),
        (with(jwk.clone(), &json!({"kid": "two words"})), &["/jwk/kid"]),
        (json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), &["/jwk/n"]),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), &["/jwk/k", "/jwk/kty"]),
        (json!({"keys": [jwk]}), &["/jwk/keys", "/jwk/kty"]),
        (json!("-----BEGIN PUBLIC KEY-----"), &["/jwk"]),
    ] {
        let call = cast.call(Role::Admin, "POST", machine.path("/keys")).json(&json!({"jwk": jwk}));
        let problem = call.await.problem(422);
        let errors = problem["errors"].as_array().unwrap();
        let mut found: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, pointers, "{jwk}");
    }
}
