//! `audit.export`: files of a range of the log, and a note over them.

use std::time::Duration;

use kernel::job::Job;
use platform::{digest::sha256_hex, function::SqsHandler, job::AUDIT_QUEUE};
use serde_json::{Value, json};
use testkit::{Lab, handler, job::result};
use tlog::{VerifierKey, note};

use crate::archive::{AUDIT, Archive};

pub(crate) async fn worker(lab: &Lab) -> SqsHandler {
    handler::sqs(audit::worker(lab.boot("audit-worker")).await)
}

/// As long as Lambda lets a worker run.
const LEFT: Duration = Duration::from_mins(15);

/// Runs a job with this payload; answers it as it is then.
pub(crate) async fn run(archive: &Archive, payload: Value) -> Job {
    let lab = &archive.lab;
    let wanted = lab.wanted_job(archive.tenant_id, ("audit.export", AUDIT_QUEUE), &payload);
    let (job, is_to_come_again) =
        lab.hand_job(&lab.ask_for_job(wanted).await, &worker(lab).await, LEFT).await;
    assert!(!is_to_come_again);
    job
}

#[tokio::test(start_paused = true)]
async fn a_range_of_the_log_is_written_and_signed() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..600).await;
    archive.sequence().await.unwrap();
    let exported = result(&run(&archive, json!({"first": 250, "end": 520})).await);
    let history = archive.history().await;

    let file = &exported["files"][0];
    let body = archive.job_file(file["key"].as_str().unwrap()).await;
    let entries: Vec<&str> = std::str::from_utf8(&body).unwrap().lines().collect();
    assert_eq!(entries.len(), 270);
    for (at, entry) in entries.iter().enumerate() {
        let leaf = tlog::Leaf::parse(entry.as_bytes()).unwrap();
        assert_eq!(leaf.entry.id, history[250 + at].entry.id);
    }
    let sha256 = sha256_hex(&body);
    assert_eq!(file["sha256"], sha256);

    let note = archive.job_file(exported["note"].as_str().unwrap()).await;
    let vkey = archive.app.get(format!("{AUDIT}/vkey")).await.expect(200);
    let vkey: VerifierKey = std::str::from_utf8(&vkey.body).unwrap().trim_end().parse().unwrap();
    let opened = note::open(std::str::from_utf8(&note).unwrap(), &[vkey]).unwrap();
    assert!(opened.text.contains(&format!("\n250 520\n{sha256} 250 520 ")), "{}", opened.text);
}

#[tokio::test(start_paused = true)]
async fn what_the_log_does_not_reach_is_refused() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    for payload in [json!({"end": 5}), json!({"first": 4}), json!({"first": 3, "end": 2})] {
        let job = run(&archive, payload.clone()).await;
        assert_eq!(
            (job.status.name(), job.failure.as_ref().unwrap().rule.as_str()),
            ("failed", "invalid"),
            "{payload}"
        );
    }
    let whole = result(&run(&archive, json!({})).await);
    assert_eq!((&whole["first"], &whole["end"]), (&json!(0), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn an_altered_log_is_not_exported() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..300).await;
    archive.sequence().await.unwrap();
    archive.alter_object("tile/entries/000", |bytes| bytes[100] ^= 1).await;
    let job = run(&archive, json!({})).await;
    assert_eq!((job.status.name(), job.failure.as_ref().unwrap().rule.as_str()), ("failed", "internal"));
}
