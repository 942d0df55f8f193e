//! What each route costs: `docs/request-units.md`.

use serde_json::{Value, json};
use testkit::{
    Call,
    units::{Bill, counting},
};

use crate::office::{KEYS, Office};

/// What an operation is for, not asked for yet.
pub(crate) async fn call(office: &Office, method: &str, path: &str) -> Call {
    let key = office.made(json!({})).await;
    // The caller was here a moment ago.
    office.ask("GET", KEYS, None).await.expect(200);
    let body = match (method, path.ends_with("/rotate")) {
        ("POST", true) => Some(json!({"overlap_seconds": 3600})),
        ("POST" | "PATCH", _) => Some(json!({"name": "Hourly export"})),
        _ => None,
    };
    let call = office.call(method, &path.replace("{id}", &key.id));
    match body {
        Some(body) => call.json(&body),
        None => call,
    }
}

#[tokio::test]
async fn request_units_are_those_of_the_page() {
    let document = serde_json::to_value(access::openapi()).unwrap();
    let mut bill = Bill::of("access");
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().into_iter().flatten().map(|(method, _): (_, &Value)| method) {
            let mut office = Office::new().await;
            let lab = office.app.lab().clone();
            office.app = lab.http("access", async |boot| access::function(counting(boot)).await).await;
            let method = method.to_uppercase();
            bill.note(&method, path, &call(&office, &method, path).await.await);
        }
    }
    bill.check(&document);
}
