//! The key set's shape holds for RS256 too: a set whose active key is RSA signs, publishes and verifies.

use identity::signing::{KeySet, KeyState, SigningKey};
use platform::{keys::KeyAlgorithm, secrets::Secrets};
use testkit::{Lab, START};

use crate::people::person;

/// A key pair that protects nothing.
const PKCS8: &[u8] = include_bytes!("../fixtures/rsa-2048-test-only.pk8");

pub(crate) fn rsa_key() -> SigningKey {
    SigningKey::from_pkcs8(KeyAlgorithm::RS256, PKCS8, START).unwrap()
}

#[tokio::test]
async fn an_rsa_key_signs_and_is_verified() {
    let lab = Lab::new();
    let mut set = KeySet::first(START).unwrap();
    set.keys.retain(|key| key.state == KeyState::Next);
    let key = SigningKey { state: KeyState::Active, ..rsa_key() };
    let kid = key.kid().to_owned();
    set.keys.push(key);
    let boot = lab.boot("identity");
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    let id = boot.vars.get("SIGNING_KEYS_SECRET").unwrap().to_owned();
    secrets.put(&id, uuid::Uuid::from_u128(1), &serde_json::to_string(&set).unwrap()).await.unwrap();

    let app = lab.http("identity", identity::function).await;
    let ann = person(&app, "ann").await;
    let header = jsonwebtoken::decode_header(&ann.access).unwrap();
    assert_eq!((header.alg, header.kid.as_deref()), (jsonwebtoken::Algorithm::RS256, Some(&*kid)));
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);

    let at = ann.access.len() - 10;
    let other = if &ann.access[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &ann.access[..at], &ann.access[at + 1..]);
    app.get("/api/v1/me").bearer(&forged).await.problem(401);
}
