//! What the function needs is what it uses: that it uses nothing else holds in every test, since the embedded cloud
//! denies what a role does not allow.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use platform::tenancy;
use serde_json::json;
use testkit::Lab;

use crate::office::{KEYS, Office, path};

#[tokio::test]
async fn every_permission_is_used() {
    let office = Office::in_lab(&Lab::new().limited()).await;
    let key = office.made(json!({})).await;
    office.ask("GET", KEYS, None).await.expect(200);
    office.ask("GET", &path(&key.id), None).await.expect(200);
    office.ask("PATCH", &path(&key.id), Some(json!({"burst": 7}))).await.expect(200);
    // An answer that is recorded, and a claim that is given back.
    office.ask_with_key("one").await.expect(201);
    let call = office.app.post(KEYS).header("authorization", format!("Basic {}", STANDARD.encode("admin:x")));
    call.json(&json!({"name": "Export"})).await.expect(401);
    office.ask("DELETE", &path(&key.id), None).await.expect(204);
    office.refused_with_key("two").await.expect(422);
    let unused = office.app.lab().unused("access");
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[test]
fn of_the_people_s_table_nothing_is_read() {
    let grants = access::NEEDS.grants.iter().filter(|grant| grant.variable == tenancy::TABLE.0);
    let actions: Vec<_> = grants.flat_map(|grant| grant.actions).collect();
    assert_eq!(actions, [&"dynamodb:ConditionCheckItem"]);
}
