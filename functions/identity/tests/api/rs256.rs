//! The key set's shape holds for RS256 too: a set whose active key is RSA signs, publishes and verifies.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::signing::{KeySet, KeyState, SigningKey};
use kernel::Secret;
use platform::{
    keys::{Jwk, KeyAlgorithm, KeyMaterial},
    secrets::Secrets,
};
use ring::{rsa::PublicKeyComponents, signature::RsaKeyPair};
use testkit::{Lab, START};

use crate::people::person;

/// A key pair that protects nothing.
const PKCS8: &[u8] = include_bytes!("../fixtures/rsa-2048-test-only.pk8");

fn rsa_key() -> SigningKey {
    let pair = RsaKeyPair::from_pkcs8(PKCS8).unwrap();
    let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
    let material =
        KeyMaterial::Rsa { n: URL_SAFE_NO_PAD.encode(&public.n), e: URL_SAFE_NO_PAD.encode(&public.e) };
    let public = Jwk { kid: "rsa-1".to_owned(), alg: KeyAlgorithm::RS256, usage: "sig".to_owned(), material };
    let private = Secret::new(URL_SAFE_NO_PAD.encode(PKCS8));
    SigningKey { public, state: KeyState::Active, since: START, private }
}

#[tokio::test]
async fn an_rsa_key_signs_and_is_verified() {
    let lab = Lab::new();
    let mut set = KeySet::first(START).unwrap();
    set.keys.retain(|key| key.state == KeyState::Next);
    set.keys.push(rsa_key());
    let boot = lab.boot("identity");
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    let id = boot.vars.get("SIGNING_KEYS_SECRET").unwrap().to_owned();
    secrets.put(&id, uuid::Uuid::from_u128(1), &serde_json::to_string(&set).unwrap()).await.unwrap();

    let app = lab.http("identity", identity::function).await;
    let ann = person(&app, "ann").await;
    let header = jsonwebtoken::decode_header(&ann.access).unwrap();
    assert_eq!((header.alg, header.kid.as_deref()), (jsonwebtoken::Algorithm::RS256, Some("rsa-1")));
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);

    let at = ann.access.len() - 10;
    let other = if &ann.access[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &ann.access[..at], &ann.access[at + 1..]);
    app.get("/api/v1/me").bearer(&forged).await.problem(401);
}
