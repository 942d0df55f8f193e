//! Service accounts: made, seen, given other credentials, removed. And machines for other tests.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Permission, Role, principal::Way};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use testkit::{Answer, App, START};

use testkit::rows::{assert_same, rows, table};

use crate::cast::{Cast, text};

/// A service account with a secret and a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) secret_id: String,
    pub(crate) secret: String,
    pub(crate) key_id: String,
    /// The private half of its key, PKCS #8.
    pkcs8: Vec<u8>,
}

/// What the machines of tests may do.
const SCOPES: [&str; 3] = ["principal:read", "members:read", "service_accounts:read"];

/// Makes a service account with a secret and a key, by an administrator of its tenant.
pub(crate) async fn make(app: &App, access: &str, name: &str) -> Machine {
    let body = json!({"name": name, "role": "admin", "scopes": SCOPES});
    let made = app.post("/api/v1/service-accounts").bearer(access).json(&body).await.expect(201).json();
    let id = text(&made["id"]);
    let (pkcs8, jwk) = key_pair();
    let keys = app.post(format!("/api/v1/service-accounts/{id}/keys")).bearer(access);
    let key = keys.json(&json!({"jwk": jwk})).await.expect(201).json();
    Machine {
        id,
        secret_id: text(&made["secrets"][0]["id"]),
        secret: text(&made["client_secret"]),
        key_id: text(&key["id"]),
        pkcs8,
    }
}

/// A new key pair: the private half, and the public one as a JWK.
pub(crate) fn key_pair() -> (Vec<u8>, Value) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    (document.as_ref().to_vec(), json!({"kty": "OKP", "crv": "Ed25519", "x": x}))
}

impl Machine {
    /// The path of the account, or of something beneath it.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/service-accounts/{}{rest}", self.id)
    }

    /// Asks for a token with the secret, in the form.
    pub(crate) async fn token(&self, app: &App, more: &str) -> Answer {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}{more}",
            self.id, self.secret
        );
        ask(app, &form).await
    }

    /// An access token.
    pub(crate) async fn access(&self, app: &App) -> String {
        text(&self.token(app, "").await.expect(200).json()["access_token"])
    }

    /// An assertion of its own, issued now, with this `jti`; and other claims, of which `null` removes one.
    pub(crate) fn assertion(&self, app: &App, jti: &str, changes: &Value) -> String {
        let now = app.lab().clock().now().seconds();
        let audience = app.lab().environment("identity")["PUBLIC_URL"].clone();
        let mut claims = json!({
            "iss": self.id, "sub": self.id, "aud": audience, "iat": now, "exp": now + 60, "jti": jti
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }
}

/// Sends a form to the token endpoint.
pub(crate) async fn ask(app: &App, form: &str) -> Answer {
    let call = app.post("/api/v1/auth/token");
    call.header("content-type", "application/x-www-form-urlencoded").raw(form.to_owned()).await
}

#[tokio::test]
async fn an_account_is_made_seen_and_removed() {
    let cast = Cast::new().await;
    let before = table(&rows(cast.app.lab()).await, "audit").len();
    let create = || {
        let call =
            cast.call(Role::Admin, "POST", "/api/v1/service-accounts").header("idempotency-key", "k-1");
        call.json(
            &json!({"name": " Nightly ", "role": "member", "scopes": ["members:read", "principal:read"]}),
        )
    };
    let made = create().await.expect(201);
    let account = made.json();
    let id = text(&account["id"]);
    let path = format!("/api/v1/service-accounts/{id}");
    assert_eq!(made.header("location"), path);
    assert_eq!((&account["client_id"], &account["name"]), (&json!(id), &json!("Nightly")));
    assert_eq!((&account["role"], &account["tenant_id"]), (&json!("member"), &json!(cast.tenant_id)));
    assert_eq!(account["scopes"], json!(["members:read", "principal:read"]));
    let secret = text(&account["client_secret"]);
    assert!(secret.starts_with("gw_cs_"), "{secret}");
    let again = create().await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body, made.body, "whoever lost the answer gets it again, the secret too");

    let seen = cast.call(Role::Admin, "GET", &*path).await.expect(200);
    assert!(seen.json().get("client_secret").is_none(), "it is shown once");
    assert_eq!(seen.json()["secrets"], account["secrets"]);
    let known = cast.call(Role::Admin, "GET", &*path).header("if-none-match", seen.header("etag"));
    known.await.expect(304);
    let list = cast.call(Role::Owner, "GET", "/api/v1/service-accounts").await.expect(200).json();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|account| text(&account["name"])).collect();
    assert_eq!(names, ["Export", "Import", "Nightly"]);
    assert_eq!(list["items"][2], seen.json());

    let remove = |tag: &str| cast.call(Role::Admin, "DELETE", &*path).header("if-match", tag);
    remove("\"stale\"").await.problem(412);
    remove(seen.header("etag")).await.expect(204);
    cast.call(Role::Admin, "GET", &*path).await.problem(404);
    cast.call(Role::Admin, "DELETE", &*path).await.problem(404);
    let after = rows(cast.app.lab()).await;
    assert_eq!(table(&after, "audit").len() - before, 2, "making and removing");
    for (name, rows) in &after {
        assert!(rows.iter().all(|row| !row.contains(&secret[6..])), "{name} holds the secret");
    }
}

#[tokio::test]
async fn nobody_makes_an_account_above_themselves() {
    let cast = Cast::new().await;
    let make = |role, given: &str, scopes: &[&str]| {
        let body = json!({"name": "x", "role": given, "scopes": scopes});
        cast.call(role, "POST", "/api/v1/service-accounts").json(&body)
    };
    make(Role::Member, "viewer", &["members:read"]).await.problem(403);
    make(Role::Admin, "owner", &["members:read"]).await.problem(403);
    make(Role::Owner, "owner", &["members:read"]).await.expect(201);
    for (given, scopes, pointer) in [
        ("viewer", &["members:write"][..], "/scopes/0"),
        ("admin", &["members:read", "users:write"], "/scopes/1"),
        ("admin", &["members:read", "members:read"], "/scopes/1"),
        ("admin", &["full"], "/scopes/0"),
        ("admin", &["no:such"], "/scopes/0"),
        ("admin", &[], "/scopes"),
        ("operator", &["members:read"], "/role"),
    ] {
        let problem = make(Role::Operator, given, scopes).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{given} {scopes:?}");
    }
    // Nor does anybody get at more through an account that somebody else made.
    let owners = make(Role::Owner, "owner", &["members:write"]).await.expect(201).json();
    let wide = make(Role::Owner, "admin", &["members:write"]).await.expect(201).json();
    let narrow = make(Role::Admin, "admin", &["service_accounts:write"]).await.expect(201).json();
    let narrow =
        Machine { id: text(&narrow["id"]), secret: text(&narrow["client_secret"]), ..Machine::default() };
    let narrow = narrow.access(&cast.app).await;
    let jwk =
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}});
    for (added, body) in [("secrets", json!({})), ("keys", jwk)] {
        let path = |account: &Value| format!("/api/v1/service-accounts/{}/{added}", text(&account["id"]));
        cast.call(Role::Admin, "POST", path(&owners)).json(&body).await.problem(403);
        cast.app.post(path(&wide)).bearer(&narrow).json(&body).await.problem(403);
        cast.call(Role::Admin, "POST", path(&wide)).json(&body).await.expect(201);
    }
    // A machine that may make others hands out what it was given, and no more.
    let scopes = ["service_accounts:write", "members:read"];
    let maker = make(Role::Owner, "admin", &scopes).await.expect(201).json();
    let maker =
        Machine { id: text(&maker["id"]), secret: text(&maker["client_secret"]), ..Machine::default() };
    let access = maker.access(&cast.app).await;
    let by_machine = |scopes: &[&str]| {
        let call = cast.app.post("/api/v1/service-accounts").bearer(&access);
        call.json(&json!({"name": "x", "role": "admin", "scopes": scopes}))
    };
    by_machine(&["members:read"]).await.expect(201);
    by_machine(&["members:write"]).await.problem(403);
}

#[tokio::test]
async fn a_machine_works_in_its_tenant_and_has_no_account_of_a_person() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let access = machine.access(&cast.app).await;
    let me = cast.app.get("/api/v1/me").bearer(&access).await.expect(200).json();
    assert_eq!(
        me,
        json!({
            "kind": "service_account", "id": machine.id, "tenant_id": cast.tenant_id, "role": "admin", "scopes": SCOPES
        })
    );
    cast.app.get(cast.members("")).bearer(&access).await.expect(200);
    cast.app.get(machine.path("")).bearer(&access).await.expect(200);
    cast.app.get("/api/v1/users").bearer(&access).await.problem(403);
    let elsewhere = format!("/api/v1/tenants/{}/members", cast.outsider.tenant_id);
    cast.app.get(elsewhere).bearer(&access).await.problem(404);
}

/// Whatever a machine is allowed: what belongs to a person is refused, and nothing breaks.
#[tokio::test]
async fn what_is_a_person_s_own_is_refused_to_machines() {
    let cast = Cast::new().await;
    let owner = cast.who(Role::Owner);
    let scopes: Vec<&str> = Permission::ALL
        .iter()
        .filter(|permission| permission.granted_to(Role::Owner) && permission.open_to(Way::ServiceToken))
        .map(|permission| permission.name())
        .collect();
    let body = json!({"name": "Everything", "role": "owner", "scopes": scopes});
    let made =
        cast.call(Role::Owner, "POST", "/api/v1/service-accounts").json(&body).await.expect(201).json();
    let all = Machine { id: text(&made["id"]), secret: text(&made["client_secret"]), ..Machine::default() };
    let access = all.access(&cast.app).await;
    let mut refused = 0;
    for operation in crate::walk::operations() {
        let is_own = operation.path.starts_with("/api/v1/me/") && operation.path != "/api/v1/me"
            || operation.path == "/api/v1/me" && operation.method != "GET"
            || operation.path == "/api/v1/auth/csrf"
            || operation.name() == "POST /api/v1/tenants"
            || operation.name() == "GET /api/v1/tenants";
        if !is_own {
            continue;
        }
        let call = cast.app.call(&operation.method, operation.path_about(owner)).bearer(&access);
        let answer = match &operation.body {
            Some((_, example)) => call.json(example).await,
            None => call.await,
        };
        assert_eq!(operation.check("a machine's token", &answer), 403, "{}", operation.name());
        let detail = text(&answer.json()["detail"]);
        let told = "cannot be used with a service account's token";
        assert!(detail.contains(told), "{}: {detail}", operation.name());
        refused += 1;
    }
    assert!(refused >= 11, "{refused} were walked");
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap_or_at_once() {
    let cast = Cast::new().await;
    let app = &cast.app;
    let machine = cast.who(Role::Owner).machine.clone();
    let add = |body: Value| cast.call(Role::Admin, "POST", machine.path("/secrets")).json(&body);
    let added = add(json!({})).await.expect(201).json();
    let next =
        Machine { secret_id: text(&added["id"]), secret: text(&added["client_secret"]), ..machine.clone() };
    add(json!({})).await.problem(409);
    machine.token(app, "").await.expect(200);
    let access = next.access(app).await;

    app.lab().advance(Duration::from_secs(1));
    let old = format!("/secrets/{}", machine.secret_id);
    cast.call(Role::Admin, "DELETE", machine.path(&old)).await.expect(204);
    cast.call(Role::Admin, "DELETE", machine.path(&old)).await.problem(404);
    machine.token(app, "").await.problem(401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&access).await.problem(401);
    let access = next.access(app).await;
    app.get("/api/v1/me").bearer(&access).await.expect(200);

    app.lab().advance(Duration::from_secs(1));
    let only = add(json!({"revoke_others": true})).await.expect(201).json();
    next.token(app, "").await.problem(401);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&access).await.problem(401);
    let only = Machine { secret: text(&only["client_secret"]), ..machine.clone() };
    only.token(app, "").await.expect(200);
}

#[tokio::test]
async fn tokens_end_within_five_seconds_with_the_key_and_with_the_account() {
    let cast = Cast::new().await;
    let app = &cast.app;
    let machine = &cast.who(Role::Owner).machine;
    let me = async |access: &str| app.get("/api/v1/me").bearer(access).await;
    let key = machine.path(&format!("/keys/{}", machine.key_id));
    cast.call(Role::Admin, "GET", &*key).await.expect(200);

    let access = machine.access(app).await;
    me(&access).await.expect(200);
    app.lab().advance(Duration::from_millis(1));
    cast.call(Role::Admin, "DELETE", &*key).await.expect(204);
    cast.call(Role::Admin, "GET", &*key).await.problem(404);
    app.lab().advance(Duration::from_secs(5));
    me(&access).await.problem(401);
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={}",
        machine.assertion(app, "j", &json!({}))
    );
    ask(app, &form).await.problem(400);

    let access = machine.access(app).await;
    me(&access).await.expect(200);
    app.lab().advance(Duration::from_millis(1));
    cast.call(Role::Admin, "DELETE", machine.path("")).await.expect(204);
    app.lab().advance(Duration::from_secs(5));
    me(&access).await.problem(401);
    machine.token(app, "").await.problem(401);
    assert!(app.lab().clock().now() > START);
}

#[tokio::test]
async fn accounts_end_with_their_tenant() {
    let cast = Cast::new().await;
    let eve = &cast.outsider;
    let machine = make(&cast.app, &eve.access, "Eve's").await;
    let access = machine.access(&cast.app).await;
    cast.app.get("/api/v1/me").bearer(&access).await.expect(200);
    cast.app.lab().advance(Duration::from_secs(1));
    let erase = cast.app.delete("/api/v1/me").bearer(&eve.access);
    erase.json(&json!({"password": crate::people::PASSWORD})).await.expect(204);
    machine.token(&cast.app, "").await.problem(401);
    cast.app.lab().advance(Duration::from_secs(5));
    cast.app.get("/api/v1/me").bearer(&access).await.problem(401);
    let rows = rows(cast.app.lab()).await;
    assert!(table(&rows, "identity").iter().all(|row| !row.contains(&machine.id)), "nothing is left of it");
}

#[tokio::test]
async fn two_changes_at_once_do_not_lose_one() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let calls = (0..6).map(|_| {
        let call = cast.call(Role::Owner, "POST", machine.path("/keys"));
        tokio::spawn(call.json(&json!({"jwk": key_pair().1})).into_future())
    });
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.into_iter().filter(|answer| answer.as_ref().unwrap().status == 201).count();
    let account = cast.call(Role::Owner, "GET", machine.path("")).await.expect(200).json();
    assert_eq!(account["keys"].as_array().unwrap().len(), made + 1);
    let before = rows(cast.app.lab()).await;
    cast.call(Role::Owner, "DELETE", machine.path("/keys/none")).await.problem(404);
    assert_same("a key that is not there", &before, &rows(cast.app.lab()).await);
}
