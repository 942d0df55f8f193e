//! Tenants and their members.

use serde_json::{Value, json};

use super::{
    client::{Call, call, get, post},
    people::{PASSWORD, Person, text},
};

/// An access token for another tenant of theirs.
fn token_in(person: &Person, tenant: &str) -> String {
    let login = json!({"email": person.email, "password": PASSWORD, "tenant_id": tenant});
    text(&post("/api/v1/auth/login").json(&login).send().expect(200).json()["access_token"])
}

fn create(person: &Person, key: &str, name: &str) -> Call {
    person.post("/api/v1/tenants").header("idempotency-key", key).json(&json!({"name": name}))
}

#[test]
fn a_tenant_is_made_once_however_often_it_is_sent() {
    let ann = Person::new();
    let made = create(&ann, &ann.name, "Acme").send().expect(201);
    let again = create(&ann, &ann.name, "Acme").send().expect(201);
    assert_eq!((made.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(
        (made.body.as_slice(), made.header("location")),
        (again.body.as_slice(), again.header("location"))
    );
    create(&ann, &ann.name, "Another").send().problem(422);
    let list = ann.get("/api/v1/tenants").send().expect(200).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "{list}");
}

#[test]
fn members_are_added_changed_and_removed() {
    let (ann, bob) = (Person::new(), Person::new());
    let tenant = text(&create(&ann, &ann.name, "Acme").send().expect(201).json()["id"]);
    let owner = token_in(&ann, &tenant);
    let members = format!("/api/v1/tenants/{tenant}/members");
    let add = |body: &Value| post(&members).bearer(&owner).json(body).send();
    let added = add(&json!({"email": bob.email, "role": "viewer"})).expect(201);
    add(&json!({"email": bob.email, "role": "viewer"})).problem(409);
    let bobs = format!("{members}/{}", text(&added.json()["user_id"]));
    let change = |tag: &str, role: &str| {
        let change = call("PATCH", &bobs).bearer(&owner).header("if-match", tag);
        change.json(&json!({"role": role})).send()
    };
    let changed = change(added.header("etag"), "member").expect(200);
    assert_eq!(changed.json()["role"], "member");
    change(added.header("etag"), "admin").problem(412);
    let there = token_in(&bob, &tenant);
    get(&members).bearer(&there).send().expect(200);
    call("DELETE", &bobs).bearer(&there).send().problem(403);
    call("DELETE", &bobs).bearer(&owner).send().expect(204);
    get(&bobs).bearer(&owner).send().problem(404);
}

#[test]
fn another_tenant_does_not_exist() {
    let (ann, eve) = (Person::new(), Person::new());
    let tenant = text(&create(&ann, &ann.name, "Acme").send().expect(201).json()["id"]);
    for path in [format!("/api/v1/tenants/{tenant}"), format!("/api/v1/tenants/{tenant}/members")] {
        eve.get(&path).send().problem(404);
    }
    eve.call("PATCH", &format!("/api/v1/tenants/{tenant}"))
        .json(&json!({"name": "Mine"}))
        .send()
        .problem(404);
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let (ann, eve) = (Person::new(), Person::new());
    create(&ann, &ann.name, "Acme").send().expect(201);
    let first = ann.get("/api/v1/tenants?limit=1").send().expect(200).json();
    let cursor = text(&first["next_cursor"]);
    let next = ann.get(&format!("/api/v1/tenants?limit=1&cursor={cursor}")).send().expect(200).json();
    assert_eq!(next["items"][0]["tenant"]["name"], "Acme");
    eve.get(&format!("/api/v1/tenants?limit=1&cursor={cursor}")).send().problem(422);
    ann.get(&format!("/api/v1/me/login-events?cursor={cursor}")).send().problem(422);
    ann.get("/api/v1/tenants?cursor=nonsense").send().problem(422);
}
