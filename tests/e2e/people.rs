//! People with accounts of their own.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::client::{Answer, Call, call, post};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A name that nobody has, in this run or another against the same stack.
pub(crate) fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_millis();
    format!("e{:x}x{}x{}", millis % (1 << 40), process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Somebody who has registered and is logged in.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        let name = fresh_name();
        let email = format!("{name}@example.com");
        register(&name, &email).send().expect(201);
        let tokens = login(&email, PASSWORD).expect(200).json();
        Self { access: text(&tokens["access_token"]), refresh: text(&tokens["refresh_token"]), name, email }
    }

    /// Begins a call of theirs.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        call(method, path).bearer(&self.access)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// Ends the account, and everything that is kept of them.
    pub(crate) fn erase(&self) {
        self.call("DELETE", "/api/v1/me").json(&json!({"password": PASSWORD})).send().expect(204);
    }

    /// Begins a refresh with the token of the login.
    pub(crate) fn refreshing(&self) -> Call {
        refreshing(&self.refresh)
    }
}

pub(crate) fn register(name: &str, email: &str) -> Call {
    post("/api/v1/auth/register").json(&json!({"email": email, "username": name, "password": PASSWORD}))
}

#[track_caller]
pub(crate) fn login(email: &str, password: &str) -> Answer {
    post("/api/v1/auth/login").json(&json!({"email": email, "password": password})).send()
}

pub(crate) fn refreshing(token: &str) -> Call {
    post("/api/v1/auth/refresh").json(&json!({"refresh_token": token}))
}

/// A text in a document.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
