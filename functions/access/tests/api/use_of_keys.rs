//! Presenting keys.

use std::time::Duration;

use kernel::{Role, api_key::ApiKeyText};
use serde_json::json;
use testkit::{Answer, Lab};

use crate::office::{KEYS, Made, Office, path};

/// Whether a key is known: nothing in this group is open to keys, so that a known one is refused with 403.
async fn present(office: &Office, key: &str, ip: &str) -> Answer {
    office.app.get(KEYS).api_key(key).ip(ip).await
}

const ADDRESS: &str = "203.0.113.1";

#[tokio::test]
async fn a_malformed_key_is_refused_without_asking_anybody() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let Made { key, .. } = office.made(json!({})).await;
    let mut wrong_checksum = key.clone().into_bytes();
    let last = wrong_checksum.len() - 1;
    wrong_checksum[last] = if wrong_checksum[last] == b'0' { b'1' } else { b'0' };
    let wrong_checksum = String::from_utf8(wrong_checksum).unwrap();
    let calls = office.app.lab().cloud().calls();
    for text in
        ["", "x", "gw_live_", &key[1..], &wrong_checksum, &key.replace("live", "test"), &"0".repeat(10_000)]
    {
        let refused = present(&office, text, ADDRESS).await;
        assert_eq!((refused.consumed.calls, refused.status.as_u16()), (0, 401), "{text}");
        let problem = refused.problem(401);
        assert!(!problem.to_string().contains("gw_live_0"), "{problem}");
    }
    assert_eq!(office.app.lab().cloud().calls(), calls);
}

#[tokio::test]
async fn a_right_key_is_known_until_it_is_changed() {
    let office = Office::new().await;
    let lab = office.app.lab();
    let key = office
        .made(json!({"expires_at": "2026-01-01T00:10:00Z", "cidrs": ["203.0.113.0/24", "2001:db8::/32"]}))
        .await;
    for (ip, status) in [
        ("203.0.113.255", 403),
        ("::ffff:203.0.113.9", 403),
        ("2001:db8::1", 403),
        ("203.0.114.1", 403),
        ("2001:db9::1", 403),
    ] {
        let refused = present(&office, &key.key, ip).await.problem(status);
        let detail = refused["detail"].as_str().unwrap();
        let is_from_there = ip.contains("203.0.113.") || ip.starts_with("2001:db8:");
        assert_eq!(detail.contains("with an API key"), is_from_there, "{ip}: {detail}");
        assert_eq!(detail.contains("address"), !is_from_there, "{ip}: {detail}");
    }
    // Right in form, and nobody's.
    let id = key.id.parse().unwrap();
    let guessed = ApiKeyText::new(id, [7; 32]);
    present(&office, guessed.expose(), ADDRESS).await.problem(401);
    let unknown = ApiKeyText::new("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(), [7; 32]);
    present(&office, unknown.expose(), ADDRESS).await.problem(401);
    // Two credentials are one too many.
    let token = office.issuer.token(Role::Operator, office.tenant_id);
    office.app.get(KEYS).api_key(&key.key).bearer(&token).await.problem(400);

    lab.advance(Duration::from_millis(599_999));
    present(&office, &key.key, ADDRESS).await.problem(403);
    lab.advance(Duration::from_millis(1));
    let expired = present(&office, &key.key, ADDRESS).await.problem(401);
    assert!(expired["detail"].as_str().unwrap().contains("expired"), "{expired}");
    office.rotate(&key.id, json!({})).await.problem(409);
    office.ask("PATCH", &path(&key.id), Some(json!({"expires_at": null}))).await.expect(200);
    lab.advance(Duration::from_secs(5));
    present(&office, &key.key, ADDRESS).await.problem(403);

    office.ask("DELETE", &path(&key.id), None).await.expect(204);
    lab.advance(Duration::from_secs(5));
    present(&office, &key.key, ADDRESS).await.problem(401);
}

#[tokio::test]
async fn usage_is_counted_by_hour() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let lab = office.app.lab();
    let key = office.made(json!({"rate_per_minute": 6000})).await;
    let at = path(&key.id);
    let usage = async || office.ask("GET", &format!("{at}/usage"), None).await.expect(200).json();
    assert_eq!(usage().await, json!({"hours": []}));
    for _ in 0..3 {
        present(&office, &key.key, ADDRESS).await.expect(403);
    }
    lab.advance(Duration::from_hours(1));
    present(&office, &key.key, ADDRESS).await.expect(403);
    let hours = json!([
        {"hour": "2026-01-01T00:00:00.000Z", "requests": 3},
        {"hour": "2026-01-01T01:00:00.000Z", "requests": 1},
    ]);
    assert_eq!(usage().await, json!({"last_used_at": "2026-01-01T01:00:00.000Z", "hours": hours}));
    let shown = office.ask("GET", &at, None).await.expect(200);
    assert_eq!(shown.json()["last_used_at"], "2026-01-01T01:00:00.000Z");
    let listed = office.ask("GET", KEYS, None).await.expect(200).json();
    assert_eq!(listed["items"][0]["last_used_at"], "2026-01-01T01:00:00.000Z");
    // Use is no change: the tag stays.
    lab.advance(Duration::from_mins(1));
    present(&office, &key.key, ADDRESS).await.expect(403);
    let again = office.ask("GET", &at, None).await.expect(200);
    assert_eq!(again.header("etag"), shown.header("etag"));
    assert_ne!(again.json()["last_used_at"], shown.json()["last_used_at"]);

    // Three days are kept, and after years of use a request still costs one write unit.
    for _ in 0..200 {
        lab.advance(Duration::from_hours(1));
        let used = present(&office, &key.key, ADDRESS).await.expect(403);
        assert!(used.consumed.write_units <= 1.0, "{:?}", used.consumed);
    }
    let hours = usage().await["hours"].as_array().unwrap().len();
    assert_eq!(hours, 72);
}
