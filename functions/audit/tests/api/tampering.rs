//! What is altered in the stores is noticed, by whoever asks for it and by the sequencer.

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::Role;

use crate::archive::Archive;

#[tokio::test]
async fn a_tile_that_was_altered_stops_the_log() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..10).await;
    archive.sequence().await.unwrap();
    archive.alter_object("tile/0/000.p/11", |bytes| bytes[40] ^= 1).await;
    archive.ask("/entries").await.problem(500);
    archive.commit("note.create", 10..11).await;
    let error = archive.sequence().await.unwrap_err();
    assert!(error.to_string().contains("extend the log"), "{error}");
    assert_eq!(archive.checkpoint().await.size, 11, "nothing is published upon it");
    archive.alter_object("tile/0/000.p/11", |bytes| bytes[40] ^= 1).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 12);
}

/// Each row: an attribute, as DynamoDB's expressions name it, and what somebody makes of it.
#[tokio::test]
async fn a_row_that_was_altered_is_not_answered() {
    for (attribute, other) in [
        ("action", text("note.creat3")),
        ("at", text("2026-01-01T00:00:00.001Z")),
        ("actor.kind", text("user")),
        ("openings.actor.value", text("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17")),
        ("openings.target.value", text("7")),
        ("openings.client.value", text("elsewhere")),
        ("openings.request_id.value", text("another")),
        ("openings.target.salt", text("AAAAAAAAAAAAAAAAAAAAAA")),
        ("index", AttributeValue::N("0".to_owned())),
        ("prev", text(&"0".repeat(64))),
    ] {
        let archive = Archive::new().await;
        archive.commit("note.create", 0..2).await;
        archive.sequence().await.unwrap();
        let page = archive.ask("/entries?target=1").await.expect(200).json();
        let id = page["items"][0]["id"].as_str().unwrap().to_owned();
        alter_row(&archive, &id, attribute, other).await;
        archive.get("/entries", Role::Admin, archive.tenant_id).await.problem(500);
        archive.get(&format!("/entries/{id}"), Role::Admin, archive.tenant_id).await.problem(500);
        archive.ask("/entries?target=0").await.expect(200);
    }
}

async fn alter_row(archive: &Archive, id: &str, attribute: &str, other: AttributeValue) {
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let mut update = client
        .update_item()
        .table_name(&archive.lab.environment("audit")["LEDGER_TABLE"])
        .key("pk", text(&format!("tenant#{}", archive.tenant_id)))
        .key("sk", text(&format!("entry#{id}")))
        .expression_attribute_values(":other", other);
    let mut path = Vec::new();
    for (depth, part) in attribute.split('.').enumerate() {
        update = update.expression_attribute_names(format!("#p{depth}"), part);
        path.push(format!("#p{depth}"));
    }
    update.update_expression(format!("SET {} = :other", path.join("."))).send().await.unwrap();
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
