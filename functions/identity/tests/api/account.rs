//! One's own account: renaming it, erasing it.

use std::{num::NonZeroU32, task::Poll, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::{Error, Permission, Role, api_key::ApiKeyText};
use platform::{
    api_key::{ApiKey, ApiSecretKeys},
    kept::Keys as _,
    secrets::Secrets,
};
use serde_json::{Value, json};
use store::Change;
use store::audit::Erased;
use testkit::{
    Answer, App,
    rows::{rows, table},
};

use crate::people::{PASSWORD, Person, app, email, login, person, register};

async fn rename(app: &App, who: &Person, username: &str) -> Answer {
    app.patch("/api/v1/me").bearer(&who.access).json(&json!({"username": username})).await
}

pub(crate) async fn erase(app: &App, who: &Person, password: &str) -> Answer {
    app.delete("/api/v1/me").bearer(&who.access).json(&json!({"password": password})).await
}

#[tokio::test]
async fn nobody_takes_the_operator_s_names() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let register = async |email: &str, username: &str| {
        let body = json!({"email": email, "username": username, "password": PASSWORD});
        app.post("/api/v1/auth/register").json(&body).await
    };
    for (email, username, rule) in [
        ("operator@localhost", "bob", "email_taken"),
        ("Operator@LOCALHOST", "bob", "email_taken"),
        ("bob@example.com", "operator", "username_taken"),
        ("bob@example.com", "OPERATOR", "username_taken"),
    ] {
        let problem = register(email, username).await.problem(409);
        assert!(problem["detail"].as_str().unwrap().contains(rule), "{email} {username}: {problem}");
    }
    rename(&app, &ann, "Operator").await.problem(409);
    crate::cast::operator(&app).await;
}

#[tokio::test]
async fn a_rename_moves_the_claim_on_the_name() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let renamed = rename(&app, &ann, "Ann.Lee").await.expect(200);
    assert_eq!(renamed.json()["username"], "Ann.Lee");
    let me = app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    assert_eq!((&me.body, me.header("etag")), (&renamed.body, renamed.header("etag")));

    let taken = rename(&app, &bob, "ann.LEE").await.problem(409);
    assert!(taken["detail"].as_str().unwrap().contains("username_taken"), "{taken}");
    rename(&app, &ann, "ANN.lee").await.expect(200);
    rename(&app, &bob, "ann").await.expect(200);
    for (body, pointer) in [
        (json!({"username": "a"}), "/username"),
        (json!({"username": 7}), "/username"),
        (json!({"email": "x@example.com"}), "/email"),
        (json!([]), ""),
    ] {
        let refused = app.patch("/api/v1/me").bearer(&ann.access).json(&body).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in [json!({}), json!({"username": null})] {
        let same = app.patch("/api/v1/me").bearer(&ann.access).json(&body).await;
        assert_eq!(same.expect(200).json()["username"], "ANN.lee", "{body}");
    }
}

#[tokio::test]
async fn a_stale_tag_changes_nothing() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let stale = app.get("/api/v1/me").bearer(&ann.access).await;
    rename(&app, &ann, "ann2").await.expect(200);
    let attempt = |tag: &str| {
        let call = app.patch("/api/v1/me").bearer(&ann.access);
        call.header("if-match", tag).json(&json!({"username": "ann3"}))
    };
    for tag in [stale.header("etag"), "\"x\"", "W/\"x\""] {
        attempt(tag).await.problem(412);
    }
    let me = app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
    assert_eq!(me.json()["username"], "ann2");
    attempt(me.header("etag")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_name_one_gets_it() {
    let app = app().await;
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(person(&app, &format!("ann{n}")).await);
    }
    let calls = people.iter().map(|person| {
        let call = app.patch("/api/v1/me").bearer(&person.access);
        tokio::spawn(call.json(&json!({"username": "Star"})).into_future())
    });
    let mut statuses: Vec<u16> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|answer| answer.unwrap().status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn erasing_takes_the_password() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    let missing = app.delete("/api/v1/me").bearer(&ann.access).json(&json!({})).await.problem(422);
    assert_eq!(missing["errors"][0]["pointer"], "/password");
    for _ in 0..5 {
        erase(&app, &ann, "not this one").await.problem(403);
    }
    let locked = erase(&app, &ann, PASSWORD).await.expect(429);
    assert_eq!(locked.header("retry-after"), "900");
    login(&app, "ann").await.problem(429);
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    // More than one change holds.
    for _ in 0..55 {
        login(&app, "ann").await.expect(200);
    }
    assert!(traces(&app, &ann).await.len() > 110, "the search finds what there is");

    let gone = erase(&app, &ann, PASSWORD).await.expect(204);
    let cookies: Vec<_> = gone.headers.get_all("set-cookie").iter().collect();
    assert!(
        cookies.len() == 2 && cookies.iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0"))
    );
    // Mail tokens name nothing but the id, for 15 minutes.
    app.lab().advance(Duration::from_mins(16));
    app.lab().cloud().sweep_expired().unwrap();
    assert_eq!(traces(&app, &ann).await, Vec::<String>::new());
    let rows = testkit::rows::rows(app.lab()).await;
    let told = testkit::rows::table(&rows, "outbox").iter().filter(|row| row.contains(Erased::QUEUE));
    let told: Vec<&String> = told.collect();
    assert_eq!(told.len(), 1, "the audit log is told whom to forget: {told:?}");
    assert!(told[0].contains(&ann.id) && told[0].contains(&ann.tenant_id) && !told[0].contains(&ann.email()));
}

#[tokio::test]
async fn an_erased_account_opens_nothing_and_its_names_are_free() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    erase(&app, &ann, PASSWORD).await.expect(204);
    app.get("/api/v1/me").bearer(&ann.access).await.problem(401);
    erase(&app, &ann, PASSWORD).await.problem(401);
    login(&app, "ann").await.problem(401);
    app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": ann.refresh})).await.problem(401);
    let again = register(&app, "ann").await.expect(201).json();
    assert_ne!(again["id"], ann.id);
    login(&app, "ann").await.expect(200);
}

/// The items of the identity table in which the person, their name or their address stands.
async fn traces(app: &App, who: &Person) -> Vec<String> {
    let client = aws_sdk_dynamodb::Client::new(&app.lab().cloud().sdk_config());
    let boot = app.lab().boot("identity");
    let table = boot.vars.get("IDENTITY_TABLE").unwrap();
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(start).send().await.unwrap();
        for item in page.items.unwrap_or_default() {
            let text = format!("{item:?}");
            let needles = [who.id.as_str(), &who.tenant_id, &who.email(), "203.0.113.1"];
            if needles.iter().any(|needle| text.contains(needle)) {
                let key = |name: &str| item.get(name).and_then(|value| value.as_s().ok().cloned());
                found.push(format!("{:?} {:?}", key("pk"), key("sk")));
            }
        }
        start = page.last_evaluated_key;
        if start.as_ref().is_none_or(|key: &std::collections::HashMap<String, AttributeValue>| key.is_empty())
        {
            return found;
        }
    }
}

/// Makes a tenant that `owner` owns, with others in it.
pub(crate) async fn tenant(app: &App, owner: &Person, others: &[(&Person, &str)]) -> String {
    let made = app.post("/api/v1/tenants").bearer(&owner.access).json(&json!({"name": "Workshop"})).await;
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let inside = acting_in(app, &owner.name, &id).await;
    for (other, role) in others {
        add(app, &inside, &id, other, role).await;
    }
    id
}

async fn add(app: &App, access: &str, tenant_id: &str, who: &Person, role: &str) {
    app.post(format!("/api/v1/tenants/{tenant_id}/members"))
        .bearer(access)
        .json(&json!({"email": who.email(), "role": role}))
        .await
        .expect(201);
}

/// An access token of `name` in a tenant.
async fn acting_in(app: &App, name: &str, tenant_id: &str) -> String {
    let tokens = app
        .post("/api/v1/auth/login")
        .json(&json!({"email": email(name), "password": PASSWORD, "tenant_id": tenant_id}))
        .await;
    tokens.expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_only_owner_of_others_tenant_stays_until_there_is_another() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let id = tenant(&app, &ann, &[(&bob, "admin")]).await;

    let refused = erase(&app, &ann, PASSWORD).await.problem(409);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("last_owner") && detail.contains(&id), "{detail}");
    // Nothing was done.
    let inside = acting_in(&app, "ann", &id).await;
    app.get("/api/v1/me").bearer(&ann.access).await.expect(200);

    let path = format!("/api/v1/tenants/{id}/members/{}", bob.id);
    let promote = app.patch(path).bearer(&inside).json(&json!({"role": "owner"}));
    promote.await.expect(200);
    erase(&app, &ann, PASSWORD).await.expect(204);

    app.lab().advance(Duration::from_secs(1));
    let bobs = acting_in(&app, "bob", &id).await;
    let members = app.get(format!("/api/v1/tenants/{id}/members")).bearer(&bobs).await.expect(200);
    assert_eq!(ids(&members.json(), "/user_id"), [bob.id.as_str()]);
    // The owners were counted down: bob is the last now.
    let leave = app.delete(format!("/api/v1/tenants/{id}/members/{}", bob.id)).bearer(&bobs);
    leave.await.problem(409);
}

#[tokio::test]
async fn a_tenant_of_one_and_the_personal_tenant_go_with_the_account() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let alone = tenant(&app, &ann, &[]).await;
    add(&app, &ann.access, &ann.tenant_id, &bob, "member").await;
    let bobs = tenant(&app, &bob, &[(&ann, "member")]).await;
    let guest = acting_in(&app, "bob", &ann.tenant_id).await;
    app.get("/api/v1/me").bearer(&guest).await.expect(200);

    erase(&app, &ann, PASSWORD).await.expect(204);

    let tenants = app.get("/api/v1/tenants").bearer(&bob.access).await.expect(200);
    let mut left = ids(&tenants.json(), "/tenant/id");
    left.sort_unstable();
    let mut expected = vec![bob.tenant_id.clone(), bobs];
    expected.sort_unstable();
    assert_eq!(left, expected);
    app.lab().advance(Duration::from_secs(5));
    app.get("/api/v1/me").bearer(&guest).await.problem(401);
    for tenant_id in [&alone, &ann.tenant_id] {
        let body = json!({"email": email("bob"), "password": PASSWORD, "tenant_id": tenant_id});
        app.post("/api/v1/auth/login").json(&body).await.problem(404);
    }
}

fn ids(page: &Value, pointer: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

/// A key of a tenant, made as the group makes it that has them, if there is such a tenant.
pub(crate) async fn try_key(app: &App, tenant_id: &str) -> Option<ApiKeyText> {
    let now = app.lab().clock().now();
    let text = ApiKeyText::new(platform::ids::new(now), [7; 32]);
    let boot = app.lab().boot("access");
    let keys = Secrets::new(&app.lab().cloud().sdk_config(), boot.clock.clone());
    let keys = keys.get(boot.vars.get("APP_KEYS_SECRET").unwrap()).await.unwrap();
    let secret = ApiSecretKeys::read(keys.expose()).unwrap().seal(&text).unwrap();
    let many = NonZeroU32::new(60).unwrap();
    let key = ApiKey {
        id: text.id(),
        tenant_id: tenant_id.parse().unwrap(),
        name: "Export".to_owned(),
        role: Role::Member,
        scopes: vec![Permission::PrincipalRead],
        rate_per_minute: many,
        burst: many,
        cidrs: Vec::new(),
        expires_at: None,
        secrets: vec![secret],
        created_at: now,
        updated_at: now,
    };
    let change = Change::new("api_key.create", "api_key", key.id);
    let change = key.create(change, Error::NotFound("tenant"));
    match app.lab().try_commit(change).await {
        Ok(()) => Some(text),
        Err(Error::NotFound(_)) => None,
        Err(error) => panic!("a key is neither made nor refused: {error}"),
    }
}

pub(crate) async fn make_key(app: &App, tenant_id: &str) -> ApiKeyText {
    try_key(app, tenant_id).await.expect("a tenant")
}

/// The rows that tell of a tenant's keys.
pub(crate) async fn keys_of(app: &App, tenant_id: &str) -> Vec<String> {
    let rows = rows(app.lab()).await;
    table(&rows, "access").iter().filter(|row| row.contains(tenant_id)).cloned().collect()
}

#[tokio::test]
async fn the_keys_of_a_tenant_go_with_it() {
    let app = app().await;
    let (ann, bob) = (person(&app, "ann").await, person(&app, "bob").await);
    let shared = tenant(&app, &bob, &[(&ann, "member")]).await;
    let keys = [
        make_key(&app, &ann.tenant_id).await,
        make_key(&app, &shared).await,
        make_key(&app, &bob.tenant_id).await,
    ];
    let open = async |key: &ApiKeyText| app.get("/api/v1/me").api_key(key.expose()).await.status.as_u16();
    for key in &keys {
        assert_eq!(open(key).await, 200);
    }
    erase(&app, &ann, PASSWORD).await.expect(204);
    app.lab().advance(Duration::from_secs(5));
    for (key, status) in keys.iter().zip([401, 200, 200]) {
        assert_eq!(open(key).await, status);
    }
    assert_eq!(keys_of(&app, &ann.tenant_id).await, [""; 0]);
    assert_eq!(
        keys_of(&app, &bob.tenant_id).await.len(),
        2,
        "the search finds a key, and that it is the tenant's"
    );
}

#[tokio::test]
async fn an_erasure_that_was_interrupted_anywhere_leaves_no_key_when_it_ends() {
    let app = app().await;
    let mut ann = person(&app, "ann").await;
    let shared = tenant(&app, &ann, &[]).await;
    // More than one change holds.
    for _ in 0..51 {
        make_key(&app, &shared).await;
    }
    let mut is_over = false;
    let mut polls = 0;
    while !is_over {
        polls += 2;
        // Who still has an account asks again; and goes on making keys while there is a tenant.
        let tokens = login(&app, "ann").await.json();
        let Some(access) = tokens["access_token"].as_str() else { break };
        access.clone_into(&mut ann.access);
        for tenant_id in [&ann.tenant_id, &shared] {
            try_key(&app, tenant_id).await;
        }
        is_over = polled(polls, erase(&app, &ann, PASSWORD)).await.is_some();
    }
    assert!(polls > 20, "it was interrupted {} times", polls / 2);
    for tenant_id in [&ann.tenant_id, &shared] {
        assert!(try_key(&app, tenant_id).await.is_none());
        assert_eq!(keys_of(&app, tenant_id).await, [""; 0]);
    }
}

/// What a future answers if it is ready within so many looks; otherwise it ends where it is.
async fn polled<T>(looks: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = looks;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
