//! The ways in: every route of every group, tried with each of the five credentials.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{Permission, Role, principal::Way};
use localstack::functions::{HTTP_GROUPS, registry};
use platform::{admin_secret, auth::CSRF_HEADER, cookie, openapi, secrets::Secrets};
use serde_json::json;
use testkit::{Answer, App, Call, Issuer, Lab};

/// Every credential there is, and the functions they are shown to.
struct Gate {
    lab: Lab,
    access_token: String,
    csrf_token: String,
    api_key: String,
    service_token: String,
}

const ADMIN: &str = "correct horse battery staple";

impl Gate {
    async fn new() -> Self {
        let lab = Lab::new();
        let issuer = Issuer::new(&lab, "identity").await;
        let tenant_id = issuer.tenant().await;
        let access_token = issuer.token(Role::Operator, tenant_id);
        let secrets = Secrets::new(&lab.cloud().sdk_config(), lab.clock().clone());
        let admin = admin_secret::document(ADMIN).expect("a hash");
        let id = lab.environment("access")[admin_secret::ADMIN_SECRET].clone();
        secrets.put(&id, uuid::Uuid::nil(), &admin).await.expect("a secret");
        let gate = Self {
            access_token,
            csrf_token: String::new(),
            api_key: String::new(),
            service_token: issuer.machine_token(Role::Operator, tenant_id),
            lab,
        };
        let csrf = gate.app("identity").await.get("/api/v1/auth/csrf").bearer(&gate.access_token).await;
        let key = gate.app("access").await.post("/api/v1/admin/api-keys").bearer(&gate.access_token);
        let key = key.json(&json!({"name": "Gate", "role": "admin"})).await.expect(201).json();
        Self {
            csrf_token: csrf.expect(200).json()["csrf_token"].as_str().expect("text").to_owned(),
            api_key: key["key"].as_str().expect("text").to_owned(),
            ..gate
        }
    }

    async fn app(&self, binary: &'static str) -> App {
        let build = registry()[binary].build;
        self.lab.http(binary, async |boot| build(boot).await).await
    }

    fn show(&self, call: Call, way: Way) -> Call {
        match way {
            Way::Bearer => call.bearer(&self.access_token),
            Way::ServiceToken => call.bearer(&self.service_token),
            Way::ApiKey => call.api_key(&self.api_key),
            Way::Cookie => call
                .header("cookie", format!("{}={}", cookie::ACCESS, self.access_token))
                .header(CSRF_HEADER, self.csrf_token.as_str()),
            Way::Basic => {
                call.header("authorization", format!("Basic {}", STANDARD.encode(format!("admin:{ADMIN}"))))
            }
        }
    }
}

/// Whether the way was refused: what a handler says of the request does not count.
fn is_refused(way: Way, answer: &Answer) -> bool {
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap_or_default();
    match (answer.status.as_u16(), way) {
        (403, _) => detail.contains(&format!("cannot be used with {}", way.name())),
        // The admin secret is looked at only where it opens something. These people have tokens and no account.
        (401, _) => !detail.contains("account no longer exists"),
        _ => false,
    }
}

#[tokio::test]
async fn each_route_lets_in_whom_the_table_says() {
    let gate = Gate::new().await;
    let binaries = BTreeMap::from([
        ("AccessFunction", "access"),
        ("AuditFunction", "audit"),
        ("IdentityFunction", "identity"),
        ("JobsFunction", "jobs"),
        ("OpsFunction", "ops"),
    ]);
    let mut table = String::new();
    for group in HTTP_GROUPS {
        let app = gate.app(binaries[group.function]).await;
        for (path, item) in &(group.openapi)().paths.paths {
            for (method, operation) in openapi::operations(item) {
                let name = openapi::permission(operation).expect("every operation names its permission");
                let _ = write!(table, "{:<6} {path}:", method.to_uppercase());
                let Ok(permission) = name.parse::<Permission>() else {
                    assert_eq!(name, openapi::PUBLIC);
                    let _ = writeln!(table, " public");
                    continue;
                };
                for way in Way::ALL {
                    let call = app.call(&method.to_uppercase(), path.replace(['{', '}'], ""));
                    let answer = gate.show(call, way).await;
                    let body = String::from_utf8_lossy(&answer.body);
                    let is_open = !is_refused(way, &answer);
                    assert_eq!(
                        is_open,
                        permission.open_to(way),
                        "{method} {path} with {}: {body}",
                        way.name()
                    );
                    if is_open {
                        let _ = write!(table, " {}", way.scheme());
                    }
                }
                table.push('\n');
            }
        }
    }
    insta::assert_snapshot!(table);
}
