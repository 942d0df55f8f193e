//! One tenant with somebody in each role, an operator, and an outsider who owns a tenant of their own.

use std::time::Duration;

use kernel::Role;
use serde_json::{Value, json};
use testkit::{App, Call};

use crate::machines::{self, Machine};
use crate::people::{PASSWORD, Person, app, email, person, register};

/// Everybody.
pub(crate) struct Cast {
    pub(crate) app: App,
    pub(crate) tenant_id: String,
    people: Vec<(Role, Person)>,
    pub(crate) outsider: Person,
}

impl Cast {
    /// A new cloud with everybody logged in.
    pub(crate) async fn new() -> Self {
        let app = app().await;
        let founder = person(&app, "olga").await;
        app.lab().advance(Duration::from_millis(1));
        let tenant = app.post("/api/v1/tenants").bearer(&founder.access).json(&json!({"name": "Workshop"}));
        let tenant_id = text(&tenant.await.expect(201).json()["id"]);
        let mut owner = in_tenant(&app, &founder, &tenant_id).await;
        for name in ["Export", "Import"] {
            app.lab().advance(Duration::from_millis(1));
            owner.machine = machines::make(&app, &owner.access, name).await;
        }
        let mut people = vec![(Role::Owner, owner.clone())];
        for (role, name) in [(Role::Viewer, "vera"), (Role::Member, "mona"), (Role::Admin, "adam")] {
            // Ids sort by time: lists are in the order of the cast.
            app.lab().advance(Duration::from_millis(1));
            let user = register(&app, name).await.expect(201).json();
            let add = app.post(format!("/api/v1/tenants/{tenant_id}/members")).bearer(&owner.access);
            add.json(&json!({"email": email(name), "role": role.name()})).await.expect(201);
            let someone = Person { name: name.to_owned(), id: text(&user["id"]), ..owner.clone() };
            people.push((role, in_tenant(&app, &someone, &tenant_id).await));
        }
        app.lab().advance(Duration::from_millis(1));
        people.push((Role::Operator, Person { machine: owner.machine.clone(), ..operator(&app).await }));
        app.lab().advance(Duration::from_millis(1));
        let outsider = person(&app, "eve").await;
        app.lab().advance(Duration::from_millis(1));
        Self { app, tenant_id, people, outsider }
    }

    /// Whoever has that role.
    pub(crate) fn who(&self, role: Role) -> &Person {
        let found = self.people.iter().find(|(their, _)| *their == role);
        &found.expect("every role is cast").1
    }

    /// The path of a member, or of all.
    pub(crate) fn members(&self, user_id: &str) -> String {
        let path = format!("/api/v1/tenants/{}/members/{user_id}", self.tenant_id);
        path.trim_end_matches('/').to_owned()
    }

    /// Begins a call by whoever has that role.
    pub(crate) fn call(&self, role: Role, method: &str, path: impl Into<String>) -> Call {
        self.app.call(method, path).bearer(&self.who(role).access)
    }

    /// Adds somebody to the tenant, by its owner, and logs them in there.
    pub(crate) async fn add(&self, name: &str, role: Role) -> Person {
        let user = register(&self.app, name).await.expect(201).json();
        self.call(Role::Owner, "POST", self.members(""))
            .json(&json!({"email": email(name), "role": role.name()}))
            .await
            .expect(201);
        let someone =
            Person { name: name.to_owned(), id: text(&user["id"]), ..self.who(Role::Owner).clone() };
        in_tenant(&self.app, &someone, &self.tenant_id).await
    }
}

/// The same person, logged in to a tenant.
pub(crate) async fn in_tenant(app: &App, someone: &Person, tenant_id: &str) -> Person {
    let login = app
        .post("/api/v1/auth/login")
        .json(&json!({"email": someone.email(), "password": PASSWORD, "tenant_id": tenant_id}));
    let tokens = login.await.expect(200).json();
    Person {
        tenant_id: tenant_id.to_owned(),
        access: text(&tokens["access_token"]),
        refresh: text(&tokens["refresh_token"]),
        ..someone.clone()
    }
}

/// The operator of the first start, logged in.
pub(crate) async fn operator(app: &App) -> Person {
    let boot = app.lab().boot("identity");
    let made = identity::bootstrap::ensure_operator(&boot, "operator@localhost", Ok);
    let made = made.await.expect("an operator").expect("the first start");
    let login = app
        .post("/api/v1/auth/login")
        .json(&json!({"email": made.email, "password": made.password.expose()}));
    let tokens = login.await.expect(200).json();
    let access = text(&tokens["access_token"]);
    let me = app.get("/api/v1/me").bearer(&access).await.expect(200).json();
    Person {
        name: "operator".to_owned(),
        id: text(&me["id"]),
        tenant_id: text(&me["tenant_id"]),
        refresh: text(&tokens["refresh_token"]),
        access,
        machine: Machine::default(),
    }
}

/// A text in a document.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
