//! How often one may ask.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use kernel::{Role, api_key::ApiKeyText};
use serde_json::json;
use testkit::{Answer, App, Effect, InjectedFault, Lab, Service};

use crate::office::{KEYS, Office, path};

/// How many answers had each status.
fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status.as_u16()).or_default() += 1;
    }
    counts
}

async fn at_once(app: &App, key: &str, calls: usize) -> Vec<Answer> {
    join_all((0..calls).map(|_| async { app.get(KEYS).api_key(key).await })).await
}

fn retry_after(answer: &Answer) -> Duration {
    Duration::from_secs(answer.header("retry-after").parse().unwrap())
}

#[tokio::test]
async fn of_two_hundred_at_once_sixty_are_accepted() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let key = office.made(json!({})).await.key;
    let answers = at_once(&office.app, &key, 200).await;
    assert_eq!(statuses(&answers), BTreeMap::from([(403, 60), (429, 140)]));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.header("ratelimit-policy"), r#""default";q=60;w=60"#);
    assert_eq!(refused.header("ratelimit"), r#""default";r=0;t=1"#);
    refused.clone().problem(429);

    // Retrying when told succeeds, time and again, and costs what is promised.
    for _ in 0..5 {
        let refused = office.app.get(KEYS).api_key(&key).await;
        assert_eq!((refused.status.as_u16(), refused.consumed.calls), (429, 0), "refused from memory");
        office.app.lab().advance(retry_after(&refused));
        office.app.get(KEYS).api_key(&key).await.expect(403);
    }
    office.app.lab().advance(Duration::from_hours(1));
    office.app.get(KEYS).api_key(&key).await.expect(403);
    let accepted = office.app.get(KEYS).api_key(&key).await.expect(403);
    assert!((accepted.consumed.write_units - 1.0).abs() < f64::EPSILON, "{:?}", accepted.consumed);
    assert_eq!((accepted.consumed.calls, accepted.header("ratelimit")), (1, r#""default";r=58;t=2"#));
}

#[tokio::test]
async fn functions_that_know_nothing_of_each_other_accept_no_more() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let lab = office.app.lab();
    let key = office.made(json!({"rate_per_minute": 1, "burst": 60})).await.key;
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(lab.http("access", access::function).await);
    }
    let answers = join_all(apps.iter().map(|app| at_once(app, &key, 50))).await.concat();
    assert_eq!(statuses(&answers), BTreeMap::from([(403, 60), (429, 140)]));
    for app in &apps {
        let refused = app.get(KEYS).api_key(&key).await.expect(429);
        assert_eq!(retry_after(&refused), Duration::from_mins(1));
    }
    lab.advance(Duration::from_mins(1));
    let one_each = join_all(apps.iter().map(|app| at_once(app, &key, 1))).await.concat();
    assert_eq!(statuses(&one_each), BTreeMap::from([(403, 1), (429, 3)]));
}

#[tokio::test]
async fn a_key_is_held_to_its_own_rate_and_a_person_to_everybody_s() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let app = &office.app;
    let slow = office.made(json!({"rate_per_minute": 2})).await.key;
    assert_eq!(statuses(&at_once(app, &slow, 10).await), BTreeMap::from([(403, 2), (429, 8)]));
    let (ann, bob) = (
        office.issuer.token(Role::Operator, office.tenant_id),
        office.issuer.token(Role::Operator, office.tenant_id),
    );
    let ask = |token: String| async move { app.get(KEYS).bearer(&token).await };
    let answers = join_all((0..70).map(|_| ask(ann.clone()))).await;
    assert_eq!(statuses(&answers), BTreeMap::from([(200, 60), (429, 10)]));
    ask(bob).await.expect(200);
}

#[tokio::test]
async fn a_key_that_waits_for_long_is_refused_from_memory_until_it_need_not() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let (app, lab) = (&office.app, office.app.lab());
    let key = office.made(json!({"rate_per_minute": 1, "burst": 1})).await.key;
    app.get(KEYS).api_key(&key).await.expect(403);
    app.get(KEYS).api_key(&key).await.expect(429);
    for seconds in [10, 49] {
        lab.advance(Duration::from_secs(seconds));
        let refused = app.get(KEYS).api_key(&key).await.expect(429);
        assert_eq!(refused.consumed.calls, 0, "after {seconds} s more");
        assert!(refused.header("ratelimit").starts_with(r#""default";r=0;t="#));
    }
    lab.advance(Duration::from_secs(1));
    app.get(KEYS).api_key(&key).await.expect(403);
}

#[tokio::test]
async fn refused_tokens_are_counted_by_network() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let right = office.issuer.token(Role::Operator, office.tenant_id);
    let mut forged = right.clone();
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    let cookie = format!("__Host-gw_access={right}");
    let ways: [(&str, &str, u16); 4] = [
        ("authorization", &format!("Bearer {forged}"), 401),
        ("authorization", "Bearer x", 401),
        ("authorization", "Digest x", 401),
        ("cookie", &cookie, 403),
    ];
    for (n, (header, value, status)) in ways.into_iter().enumerate() {
        let ip = format!("198.51.100.{n}");
        // Without its CSRF token a cookie may not change anything.
        let ask = || office.app.post(KEYS).ip(&ip).header(header, value).json(&json!({}));
        for _ in 0..60 {
            ask().await.expect(status);
        }
        let refused = ask().await.expect(429);
        assert_eq!(refused.header("ratelimit-policy"), r#""default";q=60;w=60"#, "{header}: {value}");
        assert_eq!(ask().await.expect(429).consumed.calls, 0, "{header}: {value}");
        // Its neighbours in the network who are known are counted by themselves.
        office.app.get(KEYS).ip(&ip).bearer(&right).await.expect(200);
    }
}

#[tokio::test]
async fn whoever_guesses_keys_waits_longer_each_time() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let lab = office.app.lab();
    let right = office.made(json!({})).await.key;
    let guess = |n: u8, ip: &'static str| {
        let key = ApiKeyText::new("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(), [n; 32]);
        let call = office.app.get(KEYS).ip(ip);
        async move { call.api_key(key.expose()).await }
    };
    for n in 0..5 {
        guess(n, "203.0.113.1").await.expect(401);
    }
    for seconds in [12, 24, 48, 96] {
        let refused = guess(9, "203.0.113.1").await.expect(429);
        assert_eq!(retry_after(&refused), Duration::from_secs(seconds));
        // Asking meanwhile changes nothing.
        guess(9, "203.0.113.1").await.expect(429);
        lab.advance(retry_after(&refused));
        guess(9, "203.0.113.1").await.expect(401);
    }
    // Neighbours are not held back, and neither is whoever has a key.
    guess(1, "203.0.113.2").await.expect(401);
    office.app.get(KEYS).api_key(&right).ip("203.0.113.1").await.expect(403);
    // After a pause the waits begin anew.
    guess(9, "203.0.113.1").await.expect(429);
    lab.advance(Duration::from_hours(2));
    for n in 0..5 {
        guess(n, "203.0.113.1").await.expect(401);
    }
    assert_eq!(retry_after(&guess(9, "203.0.113.1").await.expect(429)), Duration::from_secs(12));
}

#[tokio::test]
async fn when_nobody_can_count_reads_pass_and_changes_do_not() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let lab = office.app.lab();
    let token = office.issuer.token(Role::Operator, office.tenant_id);
    office.app.get(KEYS).bearer(&token).await.expect(200);
    lab.cloud().inject(vec![InjectedFault::on(Service::Dynamo, Effect::Error).operation("UpdateItem")]);
    let passed = office.app.get(KEYS).bearer(&token).await.expect(200);
    assert_eq!(passed.header("ratelimit"), "");
    let closed = office.app.post(KEYS).bearer(&token).json(&json!({"name": "Export"})).await.expect(503);
    assert_ne!(closed.header("retry-after"), "");
    lab.cloud().inject(Vec::new());
    office.app.post(KEYS).bearer(&token).json(&json!({"name": "Export"})).await.expect(201);
}

#[tokio::test]
async fn what_a_key_has_used_counts_at_its_new_rate() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let made = office.made(json!({"rate_per_minute": 1, "burst": 2})).await;
    let lab = office.app.lab();
    // Whoever was told to wait is refused from memory until then: another function asks the table.
    let asks = async |expected: &[u16]| {
        let app = lab.http("access", access::function).await;
        for status in expected {
            app.get(KEYS).api_key(&made.key).await.expect(*status);
        }
    };
    let change = async |body| office.ask("PATCH", &path(&made.id), Some(body)).await.expect(200);
    asks(&[403, 403, 429]).await;
    // Two requests are still to be paid for, at ten a second: one after 100 ms, the other after 200.
    change(json!({"rate_per_minute": 600})).await;
    asks(&[429]).await;
    lab.advance(Duration::from_millis(100));
    asks(&[403, 429]).await;
    // Now they cost a minute each again.
    change(json!({"rate_per_minute": 1})).await;
    lab.advance(Duration::from_secs(59));
    asks(&[429]).await;
    lab.advance(Duration::from_secs(1));
    asks(&[403, 429]).await;
    // No more is owed than all of a smaller burst.
    change(json!({"burst": 1})).await;
    lab.advance(Duration::from_mins(1));
    asks(&[403, 429]).await;
}

#[tokio::test]
async fn a_key_s_own_rate_holds_where_everybody_s_is_lifted() {
    let office = Office::new().await;
    let key = office.made(json!({"rate_per_minute": 1, "burst": 2})).await.key;
    let answers = at_once(&office.app, &key, 10).await;
    assert_eq!(statuses(&answers), BTreeMap::from([(403, 2), (429, 8)]));
}
