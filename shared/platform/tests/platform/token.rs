//! Access tokens without identity: a key of the tests' own, published where functions look for keys.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Timestamp, claims::Expected};
use platform::{
    edge::AUDIENCE,
    ids,
    keys::{Jwk, Jwks, KeyAlgorithm, KeyMaterial, TokenError, Verifier},
    secrets::Secrets,
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use testkit::Lab;
use uuid::Uuid;

/// Publishes a key and signs a token of a member of `tenant` with it.
pub(crate) async fn issue(lab: &Lab, tenant: &str) -> String {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let boot = lab.boot("identity");
    let var = |name: &str| boot.vars.get(name).unwrap().to_owned();
    let jwk = Jwk {
        kid: "k1".to_owned(),
        alg: KeyAlgorithm::EdDSA,
        usage: "sig".to_owned(),
        material: KeyMaterial::Okp { crv: "Ed25519".to_owned(), x: URL_SAFE_NO_PAD.encode(key.public_key()) },
    };
    let set = serde_json::to_string(&Jwks { keys: vec![jwk] }).unwrap();
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    secrets.put(&var("VERIFICATION_KEYS_SECRET"), Uuid::from_u128(1), &set).await.unwrap();

    let now = lab.clock().now();
    let claims = json!({
        "iss": var("PUBLIC_URL"), "aud": AUDIENCE, "sub": id(now), "jti": id(now), "sid": id(now), "tid": tenant,
        "iat": now.seconds(), "exp": now.seconds() + 900, "role": "member", "scope": "full",
    });
    let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "k1"});
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn id(now: Timestamp) -> kernel::id::UserId {
    ids::new(now)
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

#[tokio::test]
async fn a_token_that_was_right_is_remembered_and_still_looked_at() {
    let lab = Lab::new();
    let token = issue(&lab, &id(lab.clock().now()).to_string()).await;
    let boot = lab.boot("identity");
    let var = |name: &str| boot.vars.get(name).unwrap().to_owned();
    let (secret, issuer) = (var("VERIFICATION_KEYS_SECRET"), var("PUBLIC_URL"));
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    let expected = Expected { issuer, audience: AUDIENCE.to_owned() };
    let verifier = Verifier::new(secrets.clone(), secret.clone(), expected);
    let now = lab.clock().now();
    for _ in 0..3 {
        verifier.verify(&token, now).await.unwrap();
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    let other_claims = encode(&json!({"role": "owner"}));
    for altered in [
        format!("{message}.{reversed}"),
        format!("{header}.{other_claims}.{signature}"),
        format!("{message}."),
    ] {
        let outcome = verifier.verify(&altered, now).await;
        assert!(matches!(outcome, Err(TokenError::Signature)), "{altered}: {outcome:?}");
    }
    let outcome = verifier.verify(&token, now + Duration::from_mins(16)).await;
    assert!(matches!(outcome, Err(TokenError::Claims(_))), "it has expired: {outcome:?}");

    secrets.put(&secret, Uuid::from_u128(2), r#"{"keys": []}"#).await.unwrap();
    lab.advance(Duration::from_mins(1));
    let outcome = verifier.verify(&token, now).await;
    assert!(matches!(outcome, Err(TokenError::Key)), "its key was revoked: {outcome:?}");
}
