//! People for tests: registered and logged in.

use serde_json::{Value, json};
use testkit::{Answer, App, Lab};

use crate::machines::Machine;

/// A password that every test person has.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The function on a cloud of its own.
pub(crate) async fn app() -> App {
    Lab::new().http("identity", identity::function).await
}

/// Somebody who has an account and is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// A service account of their tenant, where the test has made one.
    pub(crate) machine: Machine,
}

impl Person {
    pub(crate) fn email(&self) -> String {
        email(&self.name)
    }
}

/// The e-mail address of somebody called `name`.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// Registers `name`.
pub(crate) async fn register(app: &App, name: &str) -> Answer {
    let body = json!({"email": email(name), "username": name, "password": PASSWORD});
    app.post("/api/v1/auth/register").json(&body).await
}

/// Logs `name` in.
pub(crate) async fn login(app: &App, name: &str) -> Answer {
    app.post("/api/v1/auth/login").json(&json!({"email": email(name), "password": PASSWORD})).await
}

/// Registers `name` and logs them in.
pub(crate) async fn person(app: &App, name: &str) -> Person {
    let user = register(app, name).await.expect(201).json();
    let tokens = login(app, name).await.expect(200).json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Person {
        name: name.to_owned(),
        id: text(&user["id"]),
        tenant_id: text(&user["personal_tenant_id"]),
        access: text(&tokens["access_token"]),
        refresh: text(&tokens["refresh_token"]),
        machine: Machine::default(),
    }
}
