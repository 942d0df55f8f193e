//! How often one may ask.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    client::{Answer, post},
    people::{PASSWORD, Person, login},
    skip::skips,
};

/// The throttle counts everybody's requests to one route: whoever uses that route waits while it is tried.
pub(crate) fn reset_route() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap_or_default()
}

#[test]
fn five_wrong_passwords_are_enough() {
    let ann = Person::new();
    for _ in 0..5 {
        login(&ann.email, "not this one").problem(401);
    }
    let locked = login(&ann.email, PASSWORD);
    assert!(retry_after(&locked) > 600, "{locked:?}");
    locked.problem(429);
    ann.get("/api/v1/me").send().expect(200);
}

#[test]
fn nobody_chooses_their_own_network() {
    if skips("nobody_chooses_their_own_network") {
        return;
    }
    let ann = Person::new();
    let guess = |n: u32| {
        let body = json!({"email": ann.email, "password": "not this one"});
        let from = format!("198.51.100.{n}");
        post("/api/v1/auth/login").header("x-forwarded-for", &from).json(&body).send()
    };
    for n in 0..5 {
        guess(n).problem(401);
    }
    guess(5).problem(429);
}

#[test]
fn the_gateway_throttles_a_route() {
    let turn = reset_route();
    let throttled = flood();
    assert!(retry_after(&throttled) >= 1, "{throttled:?}");
    throttled.problem(429);
    // The others are let in again.
    sleep(Duration::from_secs(1));
    drop(turn);
}

/// The first answer that is a 429, of many requests that cost the function nothing.
fn flood() -> Answer {
    let (begun, sent, is_over) = (Instant::now(), AtomicU32::new(0), AtomicBool::new(false));
    let hammer = || {
        while !is_over.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(20) {
            let empty = post("/api/v1/auth/password/reset").header("content-type", "application/json");
            let answer = empty.send();
            sent.fetch_add(1, Ordering::Relaxed);
            if answer.status == 429 {
                is_over.store(true, Ordering::Relaxed);
                return Some(answer);
            }
            answer.problem(400);
        }
        None
    };
    let answer = thread::scope(|scope| {
        let hammers: Vec<_> = (0..8).map(|_| scope.spawn(hammer)).collect();
        hammers.into_iter().find_map(|hammer| hammer.join().expect("a hammer"))
    });
    answer.unwrap_or_else(|| panic!("none of {} requests in 20 s was throttled", sent.into_inner()))
}
