//! Making, changing, rotating, deleting.

use std::time::Duration;

use kernel::Role;
use serde_json::{Value, json};

use testkit::rows::rows;

use crate::office::{KEYS, Office, made, path};

#[tokio::test]
async fn a_new_key_is_shown_once_and_kept_as_a_hash() {
    let office = Office::new().await;
    let created = office.create(json!({"name": " Nightly export "})).await.expect(201);
    let view = created.json();
    let key = view["key"].as_str().unwrap();
    assert!(key.starts_with(view["prefix"].as_str().unwrap()) && key.starts_with("gw_live_"));
    assert_eq!(view["name"], "Nightly export");
    assert_eq!((&view["rate_per_minute"], &view["burst"]), (&json!(60), &json!(60)));
    assert_eq!((&view["role"], &view["tenant_id"]), (&json!("member"), &json!(office.tenant_id.to_string())));
    let location = created.header("location").to_owned();
    assert_eq!(location, path(view["id"].as_str().unwrap()));

    let shown = office.ask("GET", &location, None).await.expect(200);
    assert!(shown.json()["key"].is_null() && !String::from_utf8_lossy(&shown.body).contains(key));
    let listed = office.ask("GET", KEYS, None).await.expect(200).json();
    assert_eq!(listed["items"], json!([shown.json()]));
    let rows = rows(office.app.lab()).await;
    let secret = &key[key.len() - 50..];
    assert!(rows.values().flatten().any(|row| row.contains("Nightly export")), "the rows are all rows");
    assert!(rows.values().flatten().all(|row| !row.contains(secret)), "the key's secret is in a table");
}

#[tokio::test]
async fn what_a_key_may_be_given() {
    let office = Office::new().await;
    let past = "2025-12-31T23:59:59Z";
    let too_many = vec!["203.0.113.0/24"; 51];
    for (body, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "x".repeat(101)}), "/name"),
        (json!({"role": "owner"}), "/role"),
        (json!({"role": "operator"}), "/role"),
        (json!({"role": "root"}), "/role"),
        (json!({"scopes": []}), "/scopes"),
        (json!({"scopes": ["members:read", "nothing:at_all"]}), "/scopes/1"),
        (json!({"scopes": ["members:write"]}), "/scopes/0"),
        (json!({"scopes": ["profile:read"]}), "/scopes/0"),
        (json!({"rate_per_minute": 0}), "/rate_per_minute"),
        (json!({"rate_per_minute": 60_001}), "/rate_per_minute"),
        (json!({"rate_per_minute": 1.5}), "/rate_per_minute"),
        (json!({"rate_per_minute": "60"}), "/rate_per_minute"),
        (json!({"burst": 0}), "/burst"),
        (json!({"expires_at": past}), "/expires_at"),
        (json!({"expires_at": "tomorrow"}), "/expires_at"),
        (json!({"cidrs": ["203.0.113.7/24"]}), "/cidrs/0"),
        (json!({"cidrs": ["203.0.113.0/24", "anywhere"]}), "/cidrs/1"),
        (json!({"cidrs": too_many}), "/cidrs"),
        (json!({"tenant_id": "mine"}), "/tenant_id"),
        (json!({"tenant_id": "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f"}), "/tenant_id"),
        (json!({"secret": "chosen"}), "/secret"),
    ] {
        let mut body = body;
        if body["name"].is_null() {
            body["name"] = json!("Export");
        }
        let refused = office.ask("POST", KEYS, Some(body.clone())).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
    let other = office.issuer.tenant().await.to_string();
    let all = json!({
        "name": "Export", "role": "admin", "scopes": ["members:write", "members:read", "members:read"],
        "rate_per_minute": 5, "burst": 7, "expires_at": "2026-02-01T00:00:00Z", "cidrs": ["2001:db8::/32"],
        "tenant_id": other
    });
    let view = office.create(all).await.expect(201).json();
    assert_eq!(view["scopes"], json!(["members:read", "members:write"]));
    assert_eq!((&view["rate_per_minute"], &view["burst"]), (&json!(5), &json!(7)));
    assert_eq!(view["expires_at"], "2026-02-01T00:00:00.000Z");
    assert_eq!(view["tenant_id"], other);
}

#[tokio::test]
async fn a_key_is_changed_as_the_client_saw_it() {
    let office = Office::new().await;
    let key = office.made(json!({"expires_at": "2026-02-01T00:00:00Z"})).await;
    let at = path(&key.id);
    let before = office.ask("GET", &at, None).await.expect(200);
    let change = |body: Value, tag: String| office.app.patch(at.clone()).header("if-match", tag).json(&body);
    let changed =
        change(json!({"name": "Import", "expires_at": null, "burst": 3}), before.header("etag").to_owned());
    let changed = changed.bearer(&office.issuer.token(Role::Operator, office.tenant_id)).await.expect(200);
    let view = changed.json();
    assert_eq!(
        (&view["name"], &view["burst"], &view["rate_per_minute"]),
        (&json!("Import"), &json!(3), &json!(60))
    );
    assert!(view["expires_at"].is_null());
    let stale = change(json!({"name": "Late"}), before.header("etag").to_owned());
    stale.bearer(&office.issuer.token(Role::Operator, office.tenant_id)).await.problem(412);
    for (body, pointer) in [
        (json!({"scopes": ["members:write"]}), "/scopes/0"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"role": "admin"}), "/role"),
    ] {
        let refused = office.ask("PATCH", &at, Some(body)).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    office.ask("DELETE", &at, None).await.expect(204);
    for method in ["GET", "DELETE"] {
        office.ask(method, &at, None).await.problem(404);
    }
    office.rotate(&key.id, json!({})).await.problem(404);
    office.ask("GET", &format!("{at}/usage"), None).await.problem(404);
}

#[tokio::test]
async fn a_rotation_leaves_the_old_secret_for_as_long_as_it_says() {
    let office = Office::new().await;
    let lab = office.app.lab();
    let first = office.made(json!({})).await;
    let status =
        async |key: &str| office.app.get("/api/v1/admin/api-keys").api_key(key).await.status.as_u16();
    // Known, and not an operator's way: that is all there is to see in this group.
    assert_eq!(status(&first.key).await, 403);
    let second = made(&office.rotate(&first.id, json!({"overlap_seconds": 60})).await.expect(201).json());
    assert_eq!(second.id, first.id);
    assert_ne!(second.key, first.key);
    assert_eq!((status(&first.key).await, status(&second.key).await), (403, 403));
    lab.advance(Duration::from_millis(59_999));
    assert_eq!(status(&first.key).await, 403);
    lab.advance(Duration::from_millis(1));
    assert_eq!((status(&first.key).await, status(&second.key).await), (401, 403));

    // Without an overlap the old one ends as soon as the change is seen.
    let third = made(&office.rotate(&first.id, json!({})).await.expect(201).json());
    assert_eq!(status(&third.key).await, 403, "the new one works at once");
    lab.advance(Duration::from_secs(5));
    assert_eq!((status(&second.key).await, status(&third.key).await), (401, 403));

    // Rotating during an overlap ends the oldest.
    let fourth = made(&office.rotate(&first.id, json!({"overlap_seconds": 600})).await.expect(201).json());
    let fifth = made(&office.rotate(&first.id, json!({"overlap_seconds": 600})).await.expect(201).json());
    lab.advance(Duration::from_secs(5));
    assert_eq!(
        (status(&third.key).await, status(&fourth.key).await, status(&fifth.key).await),
        (401, 403, 403)
    );
    for overlap in [json!(-1), json!(2_592_001), json!("1h")] {
        office.rotate(&first.id, json!({ "overlap_seconds": overlap })).await.problem(422);
    }
}

#[tokio::test]
async fn a_repeated_request_makes_one_key() {
    let office = Office::new().await;
    let create = || async {
        let call = office.app.post(KEYS).bearer(&office.issuer.token(Role::Operator, office.tenant_id));
        call.header("idempotency-key", "one").json(&json!({"name": "Export"})).await
    };
    // Keys belong to a principal: these are two.
    let (first, second) = (create().await.expect(201), create().await.expect(201));
    assert_ne!(first.json()["id"], second.json()["id"]);
    let by_operator = |key: &'static str| office.ask_with_key(key);
    let (first, again) = (by_operator("two").await.expect(201), by_operator("two").await.expect(201));
    assert_eq!((first.body, "true"), (again.body.clone(), again.header("idempotent-replayed")));
}
