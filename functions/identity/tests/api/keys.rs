//! What is published for those who check our tokens.

use std::time::Duration;

use testkit::{Lab, START};

use crate::{
    cast::text,
    people::{app, person},
};

const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn the_key_set_has_the_key_of_a_new_token_and_the_next_one() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let answer = app.get(JWKS).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.header("last-modified"), START.http_date());
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let kid = jsonwebtoken::decode_header(&ann.access).unwrap().kid.unwrap();
    assert!(keys.iter().any(|key| key["kid"] == *kid), "{kid}");
    for key in keys {
        let mut fields: Vec<&String> = key.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"], "public halves and nothing else");
        assert_eq!((&key["alg"], &key["kty"], &key["use"]), (&"EdDSA".into(), &"OKP".into(), &"sig".into()));
    }
}

#[tokio::test]
async fn private_halves_never_leave() {
    let app = app().await;
    let secret = app.lab().boot("identity");
    let secrets = platform::secrets::Secrets::new(&secret.aws, secret.clock.clone());
    let text = secrets.get(secret.vars.get("SIGNING_KEYS_SECRET").unwrap()).await.unwrap();
    let set: identity::signing::KeySet = serde_json::from_str(text.expose()).unwrap();
    for path in [JWKS, DISCOVERY] {
        let answer = app.get(path).await.expect(200);
        let body = String::from_utf8(answer.body).unwrap();
        for key in &set.keys {
            let private = key.private.as_ref().unwrap().expose();
            // The private seed stands within the document, so a part of it counts as all.
            assert!(!body.contains(&private[20..60]), "{path} shows a private half");
        }
    }
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_and_no_body() {
    let app = app().await;
    for path in [JWKS, DISCOVERY] {
        let first = app.get(path).await.expect(200);
        let tag = first.header("etag");
        assert!(tag.starts_with('"'), "{tag} is strong");
        for (name, value, status) in [
            ("if-none-match", tag, 304),
            ("if-none-match", "\"another\"", 200),
            ("if-modified-since", first.header("last-modified"), 304),
            ("if-modified-since", "Wed, 31 Dec 2025 23:59:59 GMT", 200),
            ("if-modified-since", "never", 200),
        ] {
            let again = app.get(path).header(name, value).await.expect(status);
            assert_eq!(again.header("etag"), tag, "{path} {value}");
            assert_eq!(again.header("cache-control"), "public, max-age=300");
            assert_eq!(again.header("last-modified"), first.header("last-modified"));
            assert_eq!(again.body.is_empty(), status == 304, "{path} {value}");
        }
    }
}

#[tokio::test]
async fn salt_and_age_come_from_the_configuration() {
    let lab = Lab::new();
    let plain = lab.http("identity", identity::function).await;
    let with = async |vars: &[(&str, &str)]| {
        let mut boot = lab.boot("identity");
        for (name, value) in vars {
            boot.vars = boot.vars.with(name, value);
        }
        identity::function(boot).await
    };
    let salted = lab
        .http("identity", async |_| {
            with(&[("AUTH_JWKS_ETAG_SALT", "2"), ("AUTH_JWKS_MAX_AGE_SECONDS", "60")]).await
        })
        .await;
    let (one, other) = (plain.get(JWKS).await.expect(200), salted.get(JWKS).await.expect(200));
    assert_eq!(one.body, other.body);
    assert_ne!(one.header("etag"), other.header("etag"), "every cache asks again");
    assert_eq!(other.header("cache-control"), "public, max-age=60");
    let Err(error) = with(&[("AUTH_JWKS_MAX_AGE_SECONDS", "5m")]).await else {
        panic!("it must not start");
    };
    assert!(error.to_string().contains("AUTH_JWKS_MAX_AGE_SECONDS"), "{error}");
    assert_eq!(error.exit_code(), 78);
}

#[tokio::test]
async fn discovery_says_what_is_true() {
    let app = app().await;
    let document = app.get(DISCOVERY).await.expect(200);
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    let issuer = text(&document["issuer"]);
    let ann = person(&app, "ann").await;
    assert_eq!(crate::walk::claims(&ann.access)["iss"], *issuer);
    assert_eq!(document["jwks_uri"], format!("{issuer}{JWKS}"));
    assert_eq!(document["id_token_signing_alg_values_supported"], serde_json::json!(["EdDSA"]));
    let path =
        text(&document["token_endpoint"]).strip_prefix(&issuer).expect("an endpoint of ours").to_owned();
    assert_eq!(app.post(path).await.problem(415)["detail"], "send application/x-www-form-urlencoded");
    for endpoint in ["authorization_endpoint", "userinfo_endpoint"] {
        assert!(document[endpoint].is_null(), "there is no {endpoint}");
    }
}

#[tokio::test]
async fn the_csrf_token_is_that_of_the_session() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let login = app.post("/api/v1/auth/login").json(&serde_json::json!({
        "email": ann.email(), "password": crate::people::PASSWORD, "session": "cookie"
    }));
    let login = login.await.expect(200);
    let cookies: Vec<&str> = login
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect();
    let shown = app.get("/api/v1/auth/csrf").header("cookie", cookies.join("; ")).await.expect(200);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.json()["csrf_token"], login.json()["csrf_token"]);
    let other = app.get("/api/v1/auth/csrf").bearer(&ann.access).await.expect(200);
    assert_ne!(other.json(), shown.json(), "another session has another");

    let make = || {
        let call = app.post("/api/v1/tenants").header("cookie", cookies.join("; "));
        call.json(&serde_json::json!({"name": "Mill"}))
    };
    make().await.problem(403);
    make().header("x-csrf-token", &*text(&other.json()["csrf_token"])).await.problem(403);
    make().header("x-csrf-token", &*text(&shown.json()["csrf_token"])).await.expect(201);
}

#[tokio::test]
async fn a_warm_function_reads_no_secret_for_the_key_set() {
    let app = app().await;
    app.get(JWKS).await.expect(200);
    let before = app.lab().cloud().calls();
    for _ in 0..10 {
        app.get(JWKS).await.expect(200);
    }
    assert_eq!(app.lab().cloud().calls(), before, "no call at all");
    app.lab().advance(Duration::from_secs(51));
    app.get(JWKS).await.expect(200);
    assert_ne!(app.lab().cloud().calls(), before, "read again when it is old");
}
