//! Tokens that nobody made here, and the keys to check those that were.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    client::{at, get},
    people::Person,
};

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn forged_tokens_are_refused() {
    let ann = Person::new();
    let (header, claims) = (part(&ann.access, 0), part(&ann.access, 1));
    let signature = ann.access.rsplit('.').next().expect("a signature");
    let with = |value: &Value, name: &str, other: Value| {
        let mut changed = value.clone();
        changed[name] = other;
        encode(&changed)
    };
    let forged = [
        format!("{}.{}.", with(&header, "alg", json!("none")), encode(&claims)),
        format!("{}.{}.{signature}", with(&header, "alg", json!("none")), encode(&claims)),
        format!("{}.{}.{signature}", with(&header, "alg", json!("HS256")), encode(&claims)),
        format!("{}.{}.{signature}", with(&header, "kid", json!("nobody")), encode(&claims)),
        format!("{}.{}.{signature}", encode(&header), with(&claims, "role", json!("operator"))),
        format!("{}.{}.{}", encode(&header), encode(&claims), "A".repeat(signature.len())),
        format!("{}.{}", encode(&header), encode(&claims)),
        "x".to_owned(),
    ];
    for token in forged {
        let answer = get("/api/v1/me").bearer(&token).send();
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{token}");
        answer.problem(401);
    }
    ann.get("/api/v1/me").send().expect(200);
    ann.get("/api/v1/users").send().expect(200);
}

#[test]
fn anybody_can_check_a_token() {
    let ann = Person::new();
    let discovery = get("/.well-known/openid-configuration").send().expect(200).json();
    assert_eq!(part(&ann.access, 1)["iss"], discovery["issuer"]);
    let jwks = discovery["jwks_uri"].as_str().expect("where the keys are");
    let keys = at("GET", jwks).send().expect(200);
    assert!(keys.header("cache-control").starts_with("public, max-age="), "{keys:?}");
    let kid = part(&ann.access, 0)["kid"].clone();
    let set = keys.json();
    let key = set["keys"].as_array().into_iter().flatten().find(|key| key["kid"] == kid);
    let key = key.unwrap_or_else(|| panic!("{kid} is not published: {set}"));
    assert!(key["d"].is_null(), "a private half");
    let known = at("GET", jwks).header("if-none-match", keys.header("etag")).send().expect(304);
    assert!(known.body.is_empty());
}
