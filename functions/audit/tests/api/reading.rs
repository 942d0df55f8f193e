//! What is in the log can be read, by whom it concerns, and proven.

use std::time::Duration;

use kernel::Role;
use serde_json::Value;
use testkit::{Effect, InjectedFault, Service};
use tlog::{Hash, hash, proof};

use crate::archive::{AUDIT, Archive};

fn actions(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect()
}

fn hashes(proof: &Value) -> Vec<Hash> {
    proof["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn entries_are_taken_in_once_and_in_order() {
    let archive = Archive::new().await;
    archive.app.get(format!("{AUDIT}/checkpoint")).await.problem(404);
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 4, "and the tenant's own");
    archive.lab.advance(Duration::from_secs(1));
    archive.commit("note.update", 0..700).await;
    archive.sequence().await.unwrap();
    archive.sequence().await.unwrap();
    let history = archive.history().await;
    assert_eq!(history.len(), 704);
    assert!(history.is_sorted_by_key(|leaf| leaf.entry.at));
    let mut ids: Vec<_> = history.iter().map(|leaf| leaf.entry.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 704);
}

#[tokio::test]
async fn an_entry_is_found_by_who_what_and_to_what() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..2).await;
    archive.lab.advance(Duration::from_mins(1));
    archive.commit("note.update", 1..3).await;
    archive.sequence().await.unwrap();
    let all = archive.ask("/entries").await.expect(200).json();
    assert_eq!(actions(&all), ["note.create", "note.create", "note.update", "note.update"]);
    let system = all["items"][0]["actor"]["id"].as_str().unwrap();
    for (query, found) in [
        ("action=note.update".to_owned(), vec!["note.update"; 2]),
        ("target=1".to_owned(), vec!["note.create", "note.update"]),
        ("target=1&action=note.update".to_owned(), vec!["note.update"]),
        (format!("actor={system}&action=note.create"), vec!["note.create"; 2]),
        (format!("actor={system}&target=2"), vec!["note.update"]),
        ("since=2026-01-01T00:00:30Z".to_owned(), vec!["note.update"; 2]),
        ("until=2026-01-01T00:00:30Z&action=note.create".to_owned(), vec!["note.create"; 2]),
        ("since=2026-01-01T00:02:00Z".to_owned(), vec![]),
        ("sort=-created_at&limit=1".to_owned(), vec!["note.update"]),
        ("actor=nobody".to_owned(), vec![]),
    ] {
        let page = archive.ask(&format!("/entries?{query}")).await.expect(200).json();
        assert_eq!(actions(&page), found, "{query}");
    }
}

#[tokio::test]
async fn an_entry_comes_with_its_proof() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..300).await;
    archive.sequence().await.unwrap();
    let checkpoint = archive.checkpoint().await;
    let page = archive.ask("/entries?target=280").await.expect(200).json();
    let id = page["items"][0]["id"].as_str().unwrap();
    let proven = archive.ask(&format!("/entries/{id}")).await.expect(200).json();
    assert_eq!(proven["proof"]["size"], checkpoint.size);
    let leaf = hash::leaf(proven["leaf"].as_str().unwrap().as_bytes());
    let index = proven["proof"]["index"].as_u64().unwrap();
    proof::verify_inclusion(leaf, index, checkpoint.size, &hashes(&proven["proof"]), checkpoint.root)
        .unwrap();
    let target: Value = serde_json::from_str(proven["leaf"].as_str().unwrap()).unwrap();
    let opening = &proven["openings"]["target"];
    let commitment: tlog::Commitment = target["target"]["id"].as_str().unwrap().parse().unwrap();
    let salt = opening["salt"].as_str().unwrap().parse().unwrap();
    assert!(commitment.verify(&salt, "target", b"280"));
}

#[tokio::test]
async fn the_log_only_grows() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..300).await;
    archive.sequence().await.unwrap();
    let old = archive.checkpoint().await;
    archive.commit("note.create", 300..400).await;
    archive.sequence().await.unwrap();
    let new = archive.checkpoint().await;
    let answer = archive.ask(&format!("/consistency?old_size={}", old.size)).await.expect(200).json();
    proof::verify_consistency(old.size, old.root, new.size, new.root, &hashes(&answer)).unwrap();
    for beyond in ["0", "402", "-1", "x", "99999999999999999999"] {
        archive.ask(&format!("/consistency?old_size={beyond}")).await.problem(422);
    }
}

#[tokio::test]
async fn a_tenant_s_admin_sees_what_is_the_tenant_s_and_no_tile() {
    let archive = Archive::new().await;
    let other = archive.issuer.tenant().await;
    archive.commit("note.create", 0..1).await;
    archive.sequence().await.unwrap();
    let page = archive.get("/entries", Role::Admin, archive.tenant_id).await.expect(200).json();
    assert_eq!(actions(&page), ["note.create"]);
    let id = page["items"][0]["id"].as_str().unwrap();
    archive.get(&format!("/entries/{id}"), Role::Admin, archive.tenant_id).await.expect(200);
    archive.get(&format!("/entries/{id}"), Role::Admin, other).await.problem(404);
    let elsewhere = format!("?tenant_id={}", archive.tenant_id);
    archive.get(&format!("/entries/{id}{elsewhere}"), Role::Admin, other).await.problem(404);
    archive.get(&format!("/entries{elsewhere}"), Role::Admin, other).await.problem(404);
    archive.get(&format!("/entries{elsewhere}"), Role::Operator, other).await.expect(200);
    archive.get("/entries?target=0", Role::Admin, other).await.expect(200).json()["items"]
        .as_array()
        .unwrap()
        .is_empty()
        .then_some(())
        .expect("what was done in another tenant is not shown");
    archive.get("/entries", Role::Member, archive.tenant_id).await.problem(403);
    archive.get("/tile/0/000.p/3", Role::Admin, archive.tenant_id).await.problem(403);
    archive.get("/tile/0/000.p/3", Role::Operator, other).await.expect(200);
}

#[tokio::test]
async fn tiles_are_served_as_they_are_for_ever() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..300).await;
    archive.sequence().await.unwrap();
    for path in
        ["tile/0/000", "tile/0/001.p/45", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/45"]
    {
        let answer = archive.ask(&format!("/{path}")).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert!(answer.header("cache-control").contains("immutable"));
        assert_eq!(answer.body, archive.object(path).await, "{path}");
    }
    for none in [
        "tile/0/002",
        "tile/0/001.p/46",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/x/000",
        "tile/0/x001/000",
        "tile/entries/001.p/x",
        "tile/0/..%2F..%2Fhead",
        "tile/0/x001/x002/003.p/4",
    ] {
        archive.ask(&format!("/{none}")).await.problem(404);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_filed_and_not_published_is_not_in_the_list_yet() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    archive.lab.advance(Duration::from_secs(1));
    archive.commit("note.update", 0..3).await;
    // The head is put to publish it: that is cut off.
    let cut = InjectedFault::on(Service::Dynamo, Effect::Reset).operation("PutItem");
    archive.lab.cloud().inject(vec![cut]);
    archive.sequence().await.unwrap_err();
    archive.lab.cloud().inject(Vec::new());
    for (query, found) in [("", 3), ("?sort=-created_at", 3), ("?action=note.update", 0)] {
        let page = archive.ask(&format!("/entries{query}")).await.expect(200).json();
        assert_eq!((actions(&page).len(), &page["next_cursor"]), (found, &Value::Null), "{query}");
    }
    archive.sequence().await.unwrap();
    let page = archive.ask("/entries").await.expect(200).json();
    assert_eq!(actions(&page).len(), 6);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_said() {
    let archive = Archive::new().await;
    for query in [
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z".to_owned(),
        format!("actor={}", "x".repeat(257)),
        "target=%00".to_owned(),
        "action=".to_owned(),
        "since=yesterday".to_owned(),
        "tenant_id=acme".to_owned(),
        "colour=blue".to_owned(),
    ] {
        archive.ask(&format!("/entries?{query}")).await.problem(422);
    }
}
