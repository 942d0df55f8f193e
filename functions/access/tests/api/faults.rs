//! What the function depends on fails, in every way, and comes back.

use serde_json::json;
use testkit::{Service, faults::withstands};

use crate::office::{KEYS, Office, path};

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_is_a_503_that_changes_nothing_and_passes() {
    let office = Office::new().await;
    let key = path(&office.made(json!({})).await.id);
    withstands(office.app.lab(), Service::Dynamo, |round| {
        let name = json!({"name": format!("Export {round}")});
        vec![
            office.call("GET", KEYS),
            office.call("GET", &key),
            office.call("GET", &format!("{key}/usage")),
            office.call("POST", KEYS).json(&name),
            office.call("PATCH", &key).json(&name),
            office.call("POST", &format!("{key}/rotate")).json(&json!({})),
        ]
    })
    .await;
}
