//! Tenants: made, seen, renamed.

use kernel::Role;
use serde_json::json;

use testkit::rows::{rows, table};

use crate::cast::{Cast, in_tenant, text};

#[tokio::test]
async fn whoever_makes_a_tenant_owns_it_and_can_act_in_it() {
    let cast = Cast::new().await;
    let eve = &cast.outsider;
    let post = || {
        let call = cast.app.post("/api/v1/tenants").bearer(&eve.access);
        call.header("idempotency-key", "key-1").json(&json!({"name": " Eve's lab "}))
    };
    let made = post().await.expect(201);
    let id = text(&made.json()["id"]);
    assert_eq!(made.header("location"), format!("/api/v1/tenants/{id}"));
    assert_eq!(made.json()["name"], "Eve's lab");
    assert_eq!(made.json()["is_personal"], false);

    let again = post().await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body, made.body);

    // The token acts where it was made for.
    cast.app.get(format!("/api/v1/tenants/{id}")).bearer(&eve.access).await.problem(404);
    let there = in_tenant(&cast.app, eve, &id).await;
    let read = cast.app.get(format!("/api/v1/tenants/{id}")).bearer(&there.access).await.expect(200);
    assert_eq!(read.header("etag"), made.header("etag"));
    let list = cast.app.get("/api/v1/tenants").bearer(&eve.access).await.expect(200).json();
    let seats: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(seats.len(), 2);
    assert_eq!(seats[1]["tenant"], made.json());
    assert!(seats.iter().all(|seat| seat["role"] == "owner"));
}

#[tokio::test]
async fn people_see_their_tenants_and_operators_all() {
    let cast = Cast::new().await;
    let list = async |role, query: &str| {
        let page = cast.call(role, "GET", format!("/api/v1/tenants{query}")).await;
        page.expect(200).json()
    };
    let vera = list(Role::Viewer, "").await;
    let roles: Vec<_> = vera["items"].as_array().unwrap().iter().map(|seat| text(&seat["role"])).collect();
    assert_eq!(roles, ["viewer", "owner"], "the shared one and her own, oldest first");
    let all = list(Role::Operator, "").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 7);
    assert!(all["next_cursor"].is_null());
    let first = list(Role::Viewer, "?limit=1").await;
    let rest = list(Role::Viewer, &format!("?limit=1&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!(rest["items"][0], vera["items"][1]);
}

#[tokio::test]
async fn admins_rename_their_tenant_and_operators_any() {
    let cast = Cast::new().await;
    let path = format!("/api/v1/tenants/{}", cast.tenant_id);
    let seen = cast.call(Role::Viewer, "GET", &*path).await.expect(200);
    let known = cast.call(Role::Viewer, "GET", &*path);
    known.header("if-none-match", seen.header("etag")).await.expect(304);
    let rename = |role, name: &str, tag: &str| {
        let call = cast.call(role, "PATCH", &*path).header("if-match", tag);
        call.json(&json!({"name": name}))
    };
    let before = table(&rows(cast.app.lab()).await, "audit").len();
    let renamed = rename(Role::Admin, "Mill", seen.header("etag")).await.expect(200);
    assert_eq!(renamed.json()["name"], "Mill");
    rename(Role::Admin, "Smithy", seen.header("etag")).await.problem(412);
    rename(Role::Operator, "Forge", renamed.header("etag")).await.expect(200);
    let same = cast.call(Role::Admin, "PATCH", &*path).json(&json!({}));
    assert_eq!(same.await.expect(200).json()["name"], "Forge");
    let entries = table(&rows(cast.app.lab()).await, "audit").len() - before;
    assert_eq!(entries, 2, "each change left one entry, what changed nothing none");
    let nowhere = "/api/v1/tenants/01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17";
    cast.call(Role::Operator, "GET", nowhere).await.problem(404);
    cast.call(Role::Operator, "GET", format!("{nowhere}/members")).await.problem(404);
}
