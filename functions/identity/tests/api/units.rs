//! What each route costs: `docs/request-units.md`.

use kernel::Role;
use serde_json::{Value, json};
use testkit::{
    App, Call, Lab,
    units::{Bill, counting},
};

use crate::{
    cast::Cast,
    mailbox::Post,
    people::{PASSWORD, Person, email, register},
    provider::{Begun, Provider},
    walk::{Operation, operations},
};

/// Everybody, and the function that is measured.
pub(crate) struct Desk {
    cast: Cast,
    app: App,
    provider: Provider,
}

impl Desk {
    pub(crate) fn lab(&self) -> &Lab {
        self.cast.app.lab()
    }

    pub(crate) async fn new() -> Self {
        let cast = Cast::new().await;
        let lab = cast.app.lab();
        let provider = Provider::start(lab).await;
        let build = async |boot| identity::function(provider.configure(counting(boot))).await;
        let app = lab.http("identity", build).await;
        Self { cast, app, provider }
    }

    /// Who calls it, and about whom.
    fn parties(&self, operation: &Operation) -> (&Person, &Person) {
        let [owner, vera] = [Role::Owner, Role::Viewer].map(|role| self.cast.who(role));
        match &*operation.name() {
            "DELETE /api/v1/me" => (&self.cast.outsider, &self.cast.outsider),
            "DELETE /api/v1/me/tenants/{id}" => (vera, vera),
            name if name.contains("{user_id}") => (owner, vera),
            _ if operation.is_granted_to(Role::Owner) => (owner, owner),
            _ => (self.cast.who(Role::Operator), vera),
        }
    }

    /// The token in the mail that vera got last.
    async fn mailed(&self) -> String {
        Post::new(&self.app).await.token(&email("vera")).await
    }

    /// A body that does what the operation is for, where the document's example does not.
    async fn body(&self, operation: &Operation) -> Option<Value> {
        let vera = self.cast.who(Role::Viewer);
        let body = match &*operation.name() {
            "POST /api/v1/auth/login" => json!({"email": vera.email(), "password": PASSWORD}),
            "POST /api/v1/auth/refresh" | "POST /api/v1/auth/logout" => {
                json!({"refresh_token": vera.refresh})
            }
            "POST /api/v1/auth/email/verify" => json!({"token": self.mailed().await}),
            "POST /api/v1/auth/password/forgot" => json!({"email": vera.email()}),
            "POST /api/v1/auth/password/reset" => {
                let forgot = self.cast.app.post("/api/v1/auth/password/forgot");
                forgot.json(&json!({"email": vera.email()})).await.expect(202);
                json!({"token": self.mailed().await, "password": PASSWORD.to_uppercase()})
            }
            "DELETE /api/v1/me" => json!({"password": PASSWORD}),
            "POST /api/v1/me/password" => {
                json!({"current_password": PASSWORD, "new_password": PASSWORD.to_uppercase()})
            }
            "POST /api/v1/tenants/{id}/members" => {
                register(&self.cast.app, "bob").await.expect(201);
                json!({"email": email("bob"), "role": "member"})
            }
            _ => return operation.body.as_ref().map(|(_, example)| example.clone()),
        };
        Some(body)
    }

    pub(crate) async fn call(&self, operation: &Operation) -> Call {
        let oidc = "/api/v1/auth/oidc/acme";
        match &*operation.path {
            "/api/v1/auth/oidc/{provider}/login" => return self.app.get(format!("{oidc}/login")),
            "/api/v1/auth/oidc/{provider}/callback" => {
                let begun = Begun::new(&self.app, "acme").await;
                let code = self.provider.authorize(&begun);
                return begun.back(&self.app, &format!("code={code}"));
            }
            "/api/v1/auth/token" => {
                let machine = &self.cast.who(Role::Owner).machine;
                let form = [("grant_type", "client_credentials"), ("client_id", &machine.id)];
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(form)
                    .append_pair("client_secret", &machine.secret)
                    .finish();
                let call = self.app.post(&*operation.path);
                return call.header("content-type", "application/x-www-form-urlencoded").raw(form);
            }
            _ => {}
        }
        let (caller, about) = self.parties(operation);
        // The caller was here a moment ago.
        self.app.get("/api/v1/me").bearer(&caller.access).await.expect(200);
        let body = self.body(operation).await;
        let call = self.app.call(&operation.method, operation.path_about(about));
        let call = if operation.permission.is_some() { call.bearer(&caller.access) } else { call };
        match body {
            Some(body) => call.json(&body),
            None => call,
        }
    }
}

#[tokio::test]
async fn request_units_are_those_of_the_page() {
    let mut bill = Bill::of("identity");
    let readers = Desk::new().await;
    for operation in operations() {
        // What changes something changes it where nothing else did.
        let is_read = operation.method == "GET" && operation.permission.is_some();
        let desk = if is_read { &readers } else { &Desk::new().await };
        let answer = desk.call(&operation).await.await;
        bill.note(&operation.method, &operation.path, &answer);
    }
    bill.check(&serde_json::to_value(identity::openapi()).unwrap());
}
