//! What the functions need is what they use: that they use nothing else holds in every test, since the embedded cloud
//! denies what a role does not allow.

use aws_lambda_events::dynamodb::Event;
use kernel::api_key::ApiKeyText;
use platform::function::StreamHandler;
use serde_json::json;
use testkit::{Effect, InjectedFault, Lab, Service, handler};

use crate::{
    archive::{AUDIT, Archive},
    erasing::{erase, erased},
    exporting::export,
};

async fn sequencer(lab: &Lab) -> StreamHandler {
    handler::stream(audit::sequencer(lab.boot("audit-sequencer")).await)
}

/// What the inbox's stream has told so far.
fn records(lab: &Lab) -> Event {
    let table = &lab.environment("audit-sequencer")["AUDIT_TABLE"];
    let records = lab.cloud().stream_records(table, None, 1000).unwrap();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn assert_all_used(lab: &Lab, binary: &str) {
    // What the stream is read with is Lambda's to do, and telling the queue of failures too.
    let is_ours = |grant: &String| !grant.contains("/stream/") && !grant.starts_with("sqs:");
    let unused: Vec<String> = lab.unused(binary).into_iter().filter(is_ours).collect();
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

/// A sequencer that makes the key and is then cut off leaves entries in the inbox, of which the next reads what it needs.
#[tokio::test(start_paused = true)]
async fn every_permission_of_the_sequencers_is_used() {
    for binary in ["audit-sequencer", "audit-sweeper"] {
        let archive = Archive::new().await;
        archive.commit("note.create", 0..3).await;
        let run = async || match binary {
            "audit-sequencer" => {
                sequencer(&archive.lab).await(records(&archive.lab)).await.batch_item_failures.len()
            }
            _ => usize::from(archive.sequence().await.is_err()),
        };
        archive.lab.cloud().inject(vec![InjectedFault::on(Service::S3, Effect::Reset)]);
        assert_eq!(run().await, 1, "{binary} says that it was cut off");
        archive.lab.cloud().inject(Vec::new());
        assert_eq!(run().await, 0);
        archive.commit("note.create", 3..4).await;
        assert_eq!(run().await, 0);
        assert_eq!(archive.history().await.len(), 5);
        assert_all_used(&archive.lab, binary);
    }
}

#[tokio::test(start_paused = true)]
async fn every_permission_of_the_eraser_and_the_exporter_is_used() {
    let archive = Archive::new().await;
    archive.sequence().await.unwrap();
    export(&archive).await.unwrap();
    archive.lab.advance(std::time::Duration::from_hours(24));
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    export(&archive).await.unwrap();
    assert_eq!(erase(&archive, &erased(&archive, uuid::Uuid::nil(), archive.tenant_id)).await, 0);
    assert_all_used(&archive.lab, "audit-exporter");
    assert_all_used(&archive.lab, "audit-eraser");
}

#[tokio::test(start_paused = true)]
async fn every_permission_of_the_worker_is_used() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    crate::export_job::run(&archive, serde_json::json!({})).await;
    assert_all_used(&archive.lab, "audit-worker");
}

#[tokio::test]
async fn every_permission_of_the_readers_is_used() {
    let archive = Archive::in_lab(Lab::new().limited()).await;
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    for query in ["", "?actor=a", "?action=note.create", "?target=1"] {
        archive.ask(&format!("/entries{query}")).await.expect(200);
    }
    // The log has gone from none to four entries at once: there never was a tile of two.
    archive.ask("/tile/0/000.p/2").await.problem(404);
    let key = ApiKeyText::new("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(), [7; 32]);
    archive.app.get(format!("{AUDIT}/entries")).api_key(key.expose()).await.problem(401);
    assert_all_used(&archive.lab, "audit");
}
