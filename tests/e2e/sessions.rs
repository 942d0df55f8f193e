//! Getting in, staying in and getting out.

use std::{
    collections::BTreeSet,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    client::{get, post},
    people::{Person, login, refreshing, register, text},
};

/// A revocation reaches every function within 5 s; the rest is for the request itself.
const REVOKED_WITHIN: Duration = Duration::from_secs(8);

/// Asks until the token is refused.
#[track_caller]
fn assert_soon_refused(person: &Person, access: &str) {
    let begun = Instant::now();
    while is_let_in(access) {
        assert!(begun.elapsed() < REVOKED_WITHIN, "{} is let in after {:?}", person.name, begun.elapsed());
        sleep(Duration::from_millis(200));
    }
}

fn is_let_in(access: &str) -> bool {
    let answer = get("/api/v1/me").bearer(access).send();
    if answer.status != 200 {
        answer.problem(401);
        return false;
    }
    true
}

#[test]
fn somebody_registers_logs_in_and_sees_themselves() {
    let ann = Person::new();
    let me = ann.get("/api/v1/me").send().expect(200);
    assert_eq!((me.json()["email"].as_str(), me.json()["role"].as_str()), (Some(&*ann.email), Some("owner")));
    let known = ann.get("/api/v1/me").header("if-none-match", me.header("etag")).send().expect(304);
    assert!(known.body.is_empty());
    register(&ann.name, &ann.email).send().problem(409);
    login(&ann.email, "not this one").problem(401);
}

#[test]
fn twenty_refreshes_at_once_get_one_pair() {
    let ann = Person::new();
    let bodies: BTreeSet<Vec<u8>> = thread::scope(|scope| {
        let racers: Vec<_> =
            (0..20).map(|_| scope.spawn(|| ann.refreshing().send().expect(200).body)).collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer")).collect()
    });
    assert_eq!(bodies.len(), 1, "all answers are identical");
}

#[test]
fn a_token_that_comes_again_late_ends_its_session() {
    let ann = Person::new();
    let next = ann.refreshing().send().expect(200).json();
    // Within 10 s it would be a client that has not heard the answer.
    sleep(Duration::from_secs(11));
    ann.refreshing().send().problem(401);
    refreshing(&text(&next["refresh_token"])).send().problem(401);
    assert_soon_refused(&ann, &text(&next["access_token"]));
}

#[test]
fn logging_out_ends_a_session_within_five_seconds() {
    let ann = Person::new();
    ann.get("/api/v1/me").send().expect(200);
    let out = || post("/api/v1/auth/logout").json(&json!({"refresh_token": ann.refresh})).send();
    out().expect(204);
    out().expect(204);
    ann.refreshing().send().problem(401);
    assert_soon_refused(&ann, &ann.access);
}
