//! What is altered in the stores is noticed, by whoever asks for it and by the sequencer.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::Role;

use crate::archive::Archive;

#[tokio::test]
async fn a_tile_that_was_altered_stops_the_log() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..10).await;
    archive.sequence().await.unwrap();
    // One of the two at least is not that of the tenant itself, which the list leaves out.
    let alter = |bytes: &mut Vec<u8>| [40, 72].into_iter().for_each(|at| bytes[at] ^= 1);
    archive.alter_object("tile/0/000.p/11", alter).await;
    archive.ask("/entries").await.problem(500);
    archive.commit("note.create", 10..11).await;
    let error = archive.sequence().await.unwrap_err();
    assert!(error.to_string().contains("extend the log"), "{error}");
    assert_eq!(archive.checkpoint().await.size, 11, "nothing is published upon it");
    archive.alter_object("tile/0/000.p/11", alter).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 12);
}

#[tokio::test]
async fn a_head_that_was_altered_is_not_signed_upon() {
    for (attribute, other) in [
        ("size", AttributeValue::N("10".to_owned())),
        ("root", text(&"0".repeat(64))),
        ("last", text(&"0".repeat(64))),
        ("checkpoint", text("example.com\n11\nAAAA\n\n— example.com AAAA\n")),
    ] {
        let archive = Archive::new().await;
        archive.commit("note.create", 0..10).await;
        archive.sequence().await.unwrap();
        archive.alter_item("head", "head", attribute, other).await;
        archive.commit("note.create", 10..11).await;
        let error = archive.sequence().await.unwrap_err();
        assert!(error.to_string().contains("extend the log"), "{attribute}: {error}");
    }
}

/// No entry is copied on from a full bundle, so nothing else tells what the next one is chained to.
#[tokio::test]
async fn the_last_hash_is_that_of_the_tree_behind_a_full_bundle_too() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..255).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.checkpoint().await.size, 256);
    archive.alter_item("head", "head", "last", text(&"1".repeat(64))).await;
    archive.commit("note.create", 255..256).await;
    let error = archive.sequence().await.unwrap_err();
    assert!(error.to_string().contains("extend the log"), "{error}");
}

#[tokio::test]
async fn entries_that_are_copied_on_are_those_of_the_tree() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..10).await;
    archive.sequence().await.unwrap();
    archive.alter_object("tile/entries/000.p/11", |bytes| bytes[300] ^= 1).await;
    archive.commit("note.create", 10..11).await;
    assert!(archive.sequence().await.unwrap_err().to_string().contains("extend the log"));
}

#[tokio::test]
async fn an_older_head_does_not_fork_the_log() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..10).await;
    archive.sequence().await.unwrap();
    let older = head(&archive).await;
    archive.commit("note.create", 10..20).await;
    archive.sequence().await.unwrap();
    let newer = archive.history().await;
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let table = &archive.lab.environment("audit")["LEDGER_TABLE"];
    client.put_item().table_name(table).set_item(Some(older)).send().await.unwrap();
    archive.commit("note.update", 0..10).await;
    let error = archive.sequence().await.unwrap_err();
    assert!(error.to_string().contains("altered"), "{error}");
    assert_eq!(archive.checkpoint().await.size, 11, "nothing is published beside what was");
    assert_eq!(newer.len(), 21);
}

async fn head(archive: &Archive) -> HashMap<String, AttributeValue> {
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let table = &archive.lab.environment("audit")["LEDGER_TABLE"];
    let get = client.get_item().table_name(table).key("pk", text("head")).key("sk", text("head"));
    get.send().await.unwrap().item.unwrap()
}

#[tokio::test]
async fn what_the_log_cannot_take_holds_up_nothing() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..2).await;
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let table = &archive.lab.environment("audit-sequencer")["AUDIT_TABLE"];
    let waiting = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    let long = AttributeValue::S("x".repeat(2000));
    for (number, (attribute, other)) in
        [("action", &long), ("id", &text("none")), ("kind", &text("none"))].into_iter().enumerate()
    {
        let mut poison = waiting[0].clone();
        poison.insert("sk".to_owned(), text(&format!("audit#0000000{number}")));
        poison.insert(attribute.to_owned(), other.clone());
        client.put_item().table_name(table).set_item(Some(poison)).send().await.unwrap();
    }
    // More than is taken out of a partition at once, before everything else in it.
    for number in 0..300 {
        let mut poison = waiting[0].clone();
        poison.insert("sk".to_owned(), text(&format!("audit#00000{number:03}")));
        client.put_item().table_name(table).set_item(Some(poison)).send().await.unwrap();
    }
    archive.sequence().await.unwrap();
    archive.commit("note.create", 2..10).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 11);
}

/// Whoever may add to the inbox can put back what the log has.
#[tokio::test]
async fn an_entry_of_the_log_is_not_logged_again() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..2).await;
    let client = aws_sdk_dynamodb::Client::new(&archive.lab.cloud().sdk_config());
    let table = &archive.lab.environment("audit-sequencer")["AUDIT_TABLE"];
    let waiting = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    archive.sequence().await.unwrap();
    let rows = testkit::rows::rows(&archive.lab).await;
    for item in waiting {
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
    archive.commit("note.create", 2..3).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 4);
    let entries = |rows: &testkit::rows::Rows| {
        let rows = testkit::rows::table(rows, "ledger").iter();
        rows.filter(|row| row.contains("entry#")).cloned().collect::<Vec<_>>()
    };
    let after = testkit::rows::rows(&archive.lab).await;
    assert!(testkit::rows::table(&after, "audit").is_empty(), "they are taken out again");
    let after = entries(&after);
    assert!(entries(&rows).iter().all(|row| after.contains(row)), "their rows are as they were");
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
        // Of which one is its own.
        ("index", AttributeValue::N("0".to_owned())),
        ("index", AttributeValue::N("1".to_owned())),
        ("prev", text(&"1".repeat(64))),
    ] {
        let archive = Archive::new().await;
        archive.commit("note.create", 0..2).await;
        archive.sequence().await.unwrap();
        let page = archive.ask("/entries?target=1").await.expect(200).json();
        let id = page["items"][0]["id"].as_str().unwrap().to_owned();
        if attribute == "index" && other == AttributeValue::N(page["items"][0]["index"].to_string()) {
            continue;
        }
        alter_row(&archive, &id, attribute, other).await;
        archive.get("/entries", Role::Admin, archive.tenant_id).await.problem(500);
        archive.get(&format!("/entries/{id}"), Role::Admin, archive.tenant_id).await.problem(500);
        archive.ask("/entries?target=0").await.expect(200);
    }
}

async fn alter_row(archive: &Archive, id: &str, attribute: &str, other: AttributeValue) {
    let (pk, sk) = (format!("tenant#{}", archive.tenant_id), format!("entry#{id}"));
    archive.alter_item(&pk, &sk, attribute, other).await;
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
