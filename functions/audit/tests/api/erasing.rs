//! When a person is erased, the log forgets them, and verifies as before.

use std::time::Duration;

use kernel::{
    Principal, PrincipalKind, Role,
    id::{Id as _, TenantId},
    principal::Scopes,
};
use platform::{auth::by_itself, function::SqsHandler};
use serde_json::{Value, json};
use store::{Actor, Change, audit::Erased};
use testkit::{
    Lab, handler,
    rows::{Rows, rows},
};
use uuid::Uuid;

use crate::archive::Archive;

const ANN: Uuid = Uuid::from_u128(0xa11);
const BOB: Uuid = Uuid::from_u128(0xb0b);
const ANNS_ADDRESS: &str = "192.0.2.7";
const BOBS_ADDRESS: &str = "198.51.100.9";

pub(crate) async fn eraser(lab: &Lab) -> SqsHandler {
    handler::sqs(audit::eraser(lab.boot("audit-eraser")).await)
}

/// Tells the eraser of somebody; answers how many messages should come again.
pub(crate) async fn erase(archive: &Archive, person: &Erased) -> usize {
    let body = serde_json::to_string(person).unwrap();
    let event = json!({ "Records": [{ "messageId": "1", "body": body }] });
    let run = eraser(&archive.lab).await;
    run(serde_json::from_value(event).unwrap(), Duration::MAX.into()).await.batch_item_failures.len()
}

pub(crate) fn erased(archive: &Archive, id: Uuid, tenant_id: TenantId) -> Erased {
    Erased { names: vec![id.to_string(), "pseudonym".to_owned()], tenant_id, at: archive.lab.clock().now() }
}

async fn commit(archive: &Archive, who: (PrincipalKind, Uuid, &str), change: Change) {
    let (kind, id, address) = who;
    let principal = Principal {
        kind,
        id,
        tenant_id: archive.tenant_id,
        role: Role::Member,
        scopes: Scopes::Full,
        session_id: None,
    };
    let actor = by_itself(format!("request-of-{id}"), archive.lab.clock().now());
    let actor = Actor { principal, client: address.to_owned(), ..actor };
    archive.lab.store().commit(&actor, change).await.unwrap();
}

/// Whether any table holds this text.
fn found(rows: &Rows, text: &str) -> bool {
    rows.values().flatten().any(|row| row.contains(text))
}

/// Entries by Ann and to her, in two tenants and in her own, among those of others. Answers her own tenant.
async fn lives(archive: &Archive) -> TenantId {
    let (own, elsewhere) = (TenantId::from_uuid(Uuid::from_u128(1)), TenantId::from_uuid(Uuid::from_u128(2)));
    let (ann, bob) = ((PrincipalKind::User, ANN, ANNS_ADDRESS), (PrincipalKind::User, BOB, BOBS_ADDRESS));
    let nobody = (PrincipalKind::Anonymous, Uuid::nil(), ANNS_ADDRESS);
    let done = |action, kind, target: &str| Change::new(action, kind, target.to_owned());
    commit(archive, nobody, done("user.register", "user", &ANN.to_string()).in_tenant(own)).await;
    commit(archive, nobody, done("session.refuse", "account", "pseudonym")).await;
    commit(archive, nobody, done("user.forgot_password", "account", &ANN.to_string())).await;
    commit(archive, ann, done("session.begin", "session", "ann-1").in_tenant(own)).await;
    commit(archive, ann, done("member.change", "member", &BOB.to_string())).await;
    commit(archive, ann, done("note.create", "note", "note-1").in_tenant(elsewhere)).await;
    commit(archive, bob, done("member.change", "member", &ANN.to_string())).await;
    commit(archive, bob, done("note.create", "note", "note-2")).await;
    commit(archive, bob, done("tenant.rename", "tenant", &own.uuid().to_string()).in_tenant(own)).await;
    own
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_person_is_left_and_the_log_is_as_it_was() {
    let archive = Archive::new().await;
    let own = lives(&archive).await;
    archive.sequence().await.unwrap();
    let (checkpoint, history) = (archive.checkpoint().await, archive.history().await);
    assert!(found(&rows(&archive.lab).await, &ANN.to_string()), "the ledger knows her");

    assert_eq!(erase(&archive, &erased(&archive, ANN, own)).await, 0);
    let left = rows(&archive.lab).await;
    for text in [&*ANN.to_string(), ANNS_ADDRESS, "pseudonym", "ann-1", &format!("request-of-{ANN}")] {
        assert!(!found(&left, text), "{text} is left");
    }
    assert_eq!((archive.checkpoint().await, archive.history().await), (checkpoint, history));

    let page = archive.ask("/entries?sort=created_at").await.expect(200).json();
    let seen: Vec<[&Value; 4]> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| [&entry["action"], &entry["actor"]["id"], &entry["client"], &entry["target"]["id"]])
        .collect();
    let (bob, gone) = (json!(BOB.to_string()), Value::Null);
    let mut changes: Vec<_> =
        seen.into_iter().filter(|[action, ..]| **action == json!("member.change")).collect();
    // Both are of the same moment.
    changes.sort_by_key(|[_, actor, ..]| actor.is_null());
    let change = &json!("member.change");
    assert_eq!(
        changes[0],
        [change, &bob, &json!(BOBS_ADDRESS), &gone],
        "what tells of somebody else is there"
    );
    assert_eq!(changes[1], [change, &gone, &gone, &bob], "what tells of somebody else is there");
    for entry in page["items"].as_array().unwrap() {
        archive.ask(&format!("/entries/{}", entry["id"].as_str().unwrap())).await.expect(200);
    }
    assert_eq!(erase(&archive, &erased(&archive, ANN, own)).await, 0, "twice is fine");
    assert!(found(&rows(&archive.lab).await, &BOB.to_string()));
}

/// What is filed after the eraser was there would stay for ever.
#[tokio::test(start_paused = true)]
async fn it_waits_for_what_was_written_before() {
    let archive = Archive::new().await;
    let own = lives(&archive).await;
    let ann = erased(&archive, ANN, own);
    assert_eq!(erase(&archive, &ann).await, 1, "all of it waits in the inbox");
    archive.sequence().await.unwrap();
    archive.lab.advance(std::time::Duration::from_mins(1));
    archive.commit("note.create", 0..3).await;
    assert_eq!(erase(&archive, &ann).await, 0, "what came long after is of no account");
    assert!(!found(&rows(&archive.lab).await, &ANN.to_string()));
}

#[tokio::test]
async fn what_is_no_erasure_comes_again_until_it_is_a_dead_letter() {
    let archive = Archive::new().await;
    for body in ["", "{}", r#"{"names":[],"tenant_id":"x","at":0}"#] {
        let event = json!({ "Records": [{ "messageId": "1", "body": body }] });
        let failed =
            eraser(&archive.lab).await(serde_json::from_value(event).unwrap(), Duration::MAX.into()).await;
        assert_eq!(failed.batch_item_failures.len(), 1, "{body}");
    }
}
