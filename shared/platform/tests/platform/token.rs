//! Access tokens without identity: a key of the tests' own, published where functions look for keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Timestamp;
use platform::{
    edge::AUDIENCE,
    ids,
    keys::{Jwk, Jwks, KeyAlgorithm, KeyMaterial},
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
