//! What is altered in the stores is noticed, by whoever asks for it and by the sequencer.

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

#[tokio::test]
async fn a_row_that_was_altered_is_not_answered() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..2).await;
    archive.sequence().await.unwrap();
    let page = archive.ask("/entries?target=1").await.expect(200).json();
    let id = page["items"][0]["id"].as_str().unwrap().to_owned();
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let key = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let update = client
        .update_item()
        .table_name(&archive.lab.environment("audit")["LEDGER_TABLE"])
        .key("pk", key(format!("tenant#{}", archive.tenant_id)))
        .key("sk", key(format!("entry#{id}")))
        .update_expression("SET #action = :other")
        .expression_attribute_names("#action", "action")
        .expression_attribute_values(":other", key("note.creat3".to_owned()));
    update.send().await.unwrap();
    archive.get("/entries", Role::Admin, archive.tenant_id).await.problem(500);
    archive.get(&format!("/entries/{id}"), Role::Admin, archive.tenant_id).await.problem(500);
    archive.ask("/entries?target=0").await.expect(200);
}
