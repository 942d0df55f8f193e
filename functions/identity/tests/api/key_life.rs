//! What the world sees of a key's life: clients that poll, and whoever has stolen one.

use std::{collections::BTreeSet, time::Duration};

use identity::signing::{KeyState, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use platform::keys::{Jwk, Jwks, KeyAlgorithm};
use serde_json::{Value, json};
use testkit::App;

use crate::{
    people::{PASSWORD, app, email, login, person},
    rotation::ANNOUNCED,
    rs256::rsa_key,
    vault::{Manager, vault},
};

const MAX_AGE: Duration = Duration::from_mins(5);

/// A client that verifies with what it last polled, and polls once in max-age.
struct Client {
    known: Jwks,
    polled_after: Duration,
}

impl Client {
    async fn poll(&mut self, app: &App, elapsed: Duration) {
        if elapsed >= self.polled_after + MAX_AGE || self.known.keys.is_empty() {
            let answer = app.get("/.well-known/jwks.json").await.expect(200);
            self.known = serde_json::from_slice(&answer.body).unwrap();
            self.polled_after = elapsed;
        }
    }

    /// The key that it would verify a token with.
    fn key(&self, token: &str) -> Option<&Jwk> {
        let kid = kid(token);
        self.known.keys.iter().find(|key| key.kid == kid)
    }

    /// By the key set alone, as somebody else's code would.
    fn takes(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let set = serde_json::to_value(&self.known).unwrap();
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(set).unwrap();
        let Some(jwk) = set.find(&kid) else { return false };
        let algorithm = match jwk.common.key_algorithm.unwrap() {
            jsonwebtoken::jwk::KeyAlgorithm::RS256 => Algorithm::RS256,
            _ => Algorithm::EdDSA,
        };
        let mut validation = Validation::new(algorithm);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
    }
}

async fn token(app: &App) -> String {
    let answer = login(app, "ann").await.expect(200).json();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

/// A token each twenty seconds, seen by clients that have polled at every possible moment, over three rotations: each as
/// early as it may be.
#[tokio::test]
async fn a_client_that_polls_each_max_age_sees_no_401_over_three_rotations() {
    const STEP: Duration = Duration::from_secs(20);
    let app = app().await;
    person(&app, "ann").await;
    let manager = Manager::new(app.lab()).await;
    let mut clients: Vec<Client> = Vec::new();
    let (mut alive, mut kids) = (Vec::<(Duration, String)>::new(), BTreeSet::new());
    let (mut elapsed, mut rotations, mut verified) = (Duration::ZERO, 0, 0);
    while rotations < 3 || elapsed < 4 * ANNOUNCED {
        // One more each step of the first max-age: together they poll all the time.
        if elapsed < MAX_AGE {
            clients.push(Client { known: Jwks::default(), polled_after: elapsed });
        }
        for client in &mut clients {
            client.poll(&app, elapsed).await;
        }
        let fresh = token(&app).await;
        kids.insert(kid(&fresh));
        alive.push((elapsed, fresh));
        alive.retain(|(at, _)| elapsed < *at + Duration::from_mins(15));
        // One client verifies each token; the others have the very same key.
        assert!(clients[0].takes(&alive[alive.len() - 1].1), "{elapsed:?}");
        for (at, token) in &alive {
            let key = clients[0].key(token);
            for client in &clients {
                assert!(
                    key.is_some() && client.key(token) == key,
                    "{elapsed:?}: a token of {at:?} is refused"
                );
                verified += 1;
            }
        }
        app.get("/api/v1/me").bearer(&alive[0].1).await.expect(200);
        app.lab().advance(STEP);
        elapsed += STEP;
        if rotations < 3 && manager.rotate().await.is_ok() {
            rotations += 1;
        } else if rotations < 3 {
            // Refused: it is as if nobody had asked.
            let vault = vault(app.lab());
            let labels = manager.client.describe_secret().secret_id(&manager.secret).send().await.unwrap();
            for (version, labels) in labels.version_ids_to_stages.unwrap() {
                if labels == ["AWSPENDING"] {
                    vault.give_up(&version).await.unwrap();
                }
            }
        }
    }
    assert_eq!(kids.len(), 4, "four keys have signed");
    assert!(verified > 20_000, "{verified}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_minute_and_the_next_signs_at_once() {
    let app = app().await;
    person(&app, "ann").await;
    // A second instance, which has the key in its memory.
    let other = app.lab().http("identity", identity::function).await;
    let (stolen, vault) = (token(&app).await, vault(app.lab()));
    other.get("/api/v1/me").bearer(&stolen).await.expect(200);
    let (version, set) = vault.current().await.unwrap().unwrap();
    let next = set.one(KeyAlgorithm::EdDSA, KeyState::Next).unwrap().kid().to_owned();
    let fresh = SigningKey::generate(vault.now()).unwrap();
    let revoked = set.revoke(&kid(&stolen), fresh, vault.now()).unwrap().unwrap();
    vault.replace("signing_keys.revoke", &version, &revoked).await.unwrap();

    app.lab().advance(Duration::from_mins(1));
    for app in [&app, &other] {
        app.get("/api/v1/me").bearer(&stolen).await.problem(401);
        let fresh = token(app).await;
        assert_eq!(kid(&fresh), next);
        app.get("/api/v1/me").bearer(&fresh).await.expect(200);
        let shown = app.get("/.well-known/jwks.json").await.expect(200).json().to_string();
        assert!(!shown.contains(&kid(&stolen)) && shown.contains(&next));
    }
    // Nor does a start, or a rotation, publish it again.
    let started = app.lab().http("identity", identity::function).await;
    token(&started).await;
    app.lab().advance(ANNOUNCED);
    Manager::new(app.lab()).await.rotate().await.unwrap();
    assert!(!vault.publication().await.unwrap().unwrap().has(&kid(&stolen)));
}

/// A replay is answered with the very same token, unless its key was revoked in between.
#[tokio::test]
async fn a_replayed_refresh_is_signed_by_the_key_of_then_or_by_the_next() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let refresh = || app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh}));
    let first = refresh().await.expect(200).json();
    assert_eq!(refresh().await.expect(200).json(), first);

    let vault = vault(app.lab());
    let (version, set) = vault.current().await.unwrap().unwrap();
    let kid = first["kid"].as_str().unwrap();
    let revoked = set.revoke(kid, SigningKey::generate(vault.now()).unwrap(), vault.now()).unwrap().unwrap();
    vault.replace("signing_keys.revoke", &version, &revoked).await.unwrap();
    let started = app.lab().http("identity", identity::function).await;
    let again = started.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh}));
    let again = again.await.expect(200).json();
    assert_eq!(again["refresh_token"], first["refresh_token"]);
    assert_ne!(again["kid"], first["kid"]);
    started.get("/api/v1/me").bearer(again["access_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn two_algorithms_sign_by_share_and_each_session_keeps_its_own() {
    let first = app().await;
    person(&first, "ann").await;
    let (lab, vault) = (first.lab(), vault(first.lab()));
    let (version, set) = vault.current().await.unwrap().unwrap();
    vault
        .replace("signing_keys.revoke", &version, &set.import(rsa_key(), vault.now()).unwrap())
        .await
        .unwrap();
    lab.advance(ANNOUNCED);
    let dual =
        |percent| [("AUTH_DUAL_SIGNING_ENABLED", "true"), ("AUTH_DUAL_SIGNING_CANARY_PERCENT", percent)];
    Manager::with(lab, &dual("0")).await.rotate().await.unwrap();

    let with = async |percent| {
        let mut boot = lab.boot("identity");
        for (name, value) in dual(percent) {
            boot.vars = boot.vars.with(name, value);
        }
        lab.http("identity", async |_| identity::function(boot).await).await
    };
    for (percent, algorithms) in [
        ("0", &[Algorithm::RS256][..]),
        ("50", &[Algorithm::EdDSA, Algorithm::RS256]),
        ("100", &[Algorithm::EdDSA]),
    ] {
        let app = with(percent).await;
        let mut seen = Vec::new();
        for _ in 0..24 {
            let body = json!({"email": email("ann"), "password": PASSWORD});
            let session = app.post("/api/v1/auth/login").json(&body).await.expect(200).json();
            let signed = jsonwebtoken::decode_header(session["access_token"].as_str().unwrap()).unwrap();
            app.get("/api/v1/me").bearer(session["access_token"].as_str().unwrap()).await.expect(200);
            let body = json!({"refresh_token": session["refresh_token"]});
            let later = app.post("/api/v1/auth/refresh").json(&body).await.expect(200).json();
            let later = jsonwebtoken::decode_header(later["access_token"].as_str().unwrap()).unwrap();
            assert_eq!((later.alg, later.kid), (signed.alg, signed.kid), "a session is signed alike");
            if !seen.contains(&signed.alg) {
                seen.push(signed.alg);
            }
        }
        seen.sort_by_key(|algorithm| format!("{algorithm:?}"));
        assert_eq!(seen, algorithms, "{percent} %");
        let discovery = app.get("/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["EdDSA", "RS256"]));
    }
}
