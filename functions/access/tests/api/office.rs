//! An operator, a tenant, and API keys.

use kernel::{
    Role,
    id::{TenantId, UserId},
};
use serde_json::{Value, json};
use testkit::{Answer, App, Call, Issuer, Lab};

pub(crate) const KEYS: &str = "/api/v1/admin/api-keys";

/// The function with somebody who may use it.
pub(crate) struct Office {
    pub(crate) app: App,
    pub(crate) issuer: Issuer,
    pub(crate) tenant_id: TenantId,
    operator: UserId,
}

/// A key as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) key: String,
}

impl Office {
    pub(crate) async fn new() -> Self {
        Self::in_lab(&Lab::new()).await
    }

    pub(crate) async fn in_lab(lab: &Lab) -> Self {
        let issuer = Issuer::new(lab, "access").await;
        let tenant_id = issuer.tenant().await;
        let operator = platform::ids::new(lab.clock().now());
        let app = lab.http("access", access::function).await;
        Self { app, issuer, tenant_id, operator }
    }

    /// A token of the operator, good from now on.
    fn token(&self) -> String {
        self.issuer.token_of(self.operator, Role::Operator, self.tenant_id)
    }

    /// A call by the operator, not made yet.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.app.call(method, path).bearer(&self.token())
    }

    /// A call by the operator.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let call = self.call(method, path);
        match body {
            Some(body) => call.json(&body).await,
            None => call.await,
        }
    }

    pub(crate) async fn create(&self, mut body: Value) -> Answer {
        if body["name"].is_null() {
            body["name"] = json!("Export");
        }
        self.ask("POST", KEYS, Some(body)).await
    }

    /// Makes a key under an idempotency key.
    pub(crate) async fn ask_with_key(&self, key: &str) -> Answer {
        let call = self.app.post(KEYS).bearer(&self.token()).header("idempotency-key", key);
        call.json(&json!({"name": "Export"})).await
    }

    /// The same, refused after the key was claimed.
    pub(crate) async fn refused_with_key(&self, key: &str) -> Answer {
        let call = self.app.post(KEYS).bearer(&self.token()).header("idempotency-key", key);
        call.json(&json!({"name": "Export", "role": "owner"})).await
    }

    pub(crate) async fn made(&self, body: Value) -> Made {
        made(&self.create(body).await.expect(201).json())
    }

    pub(crate) async fn rotate(&self, id: &str, body: Value) -> Answer {
        self.ask("POST", &format!("{KEYS}/{id}/rotate"), Some(body)).await
    }
}

pub(crate) fn made(answer: &Value) -> Made {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Made { id: text("id"), key: text("key") }
}

/// Where a key is.
pub(crate) fn path(id: &str) -> String {
    format!("{KEYS}/{id}")
}
