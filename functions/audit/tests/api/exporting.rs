//! Once a day the log goes to where nobody can alter it; witnesses say that they saw it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use platform::Boot;
use serde_json::Value;
use testkit::{Effect, InjectedFault, Service, handler, server};
use tlog::{Checkpoint, Cosigner, ReadError, Source, VerifierKey, proof, verify, witness::AddCheckpoint};

use crate::archive::Archive;

const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn export(archive: &Archive) -> kernel::Result<()> {
    export_by(archive.lab.boot("audit-exporter")).await
}

async fn export_by(boot: Boot) -> kernel::Result<()> {
    handler::schedule(audit::exporter(boot).await)(EventBridgeEvent::default()).await
}

/// An export as somebody has it who copied the bucket.
struct Export(std::collections::BTreeMap<String, Vec<u8>>, String);

impl Export {
    async fn of(archive: &Archive, date: &str) -> Self {
        Self(archive.exported().await, format!("roots/{date}"))
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.0[path].clone()).unwrap()
    }

    fn key(&self) -> VerifierKey {
        self.text("vkey").trim_end().parse().unwrap()
    }
}

impl Source for Export {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let path = if path == "checkpoint" { &self.1 } else { path };
        self.0.get(path).cloned().ok_or_else(|| ReadError::NotFound { path: path.to_owned() })
    }
}

async fn roots(archive: &Archive, query: &str) -> Vec<Value> {
    let page = archive.app.get(format!("/api/v1/audit/roots{query}")).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_day_has_an_export_that_verifies_and_continues_the_one_before() {
    let archive = Archive::new().await;
    export(&archive).await.unwrap();
    assert!(roots(&archive, "").await.is_empty(), "there is no log yet");
    let mut earlier = Vec::new();
    for (date, entries) in [("2026-01-01", 300), ("2026-01-02", 0), ("2026-01-03", 600)] {
        archive.commit("note.create", 0..entries).await;
        archive.sequence().await.unwrap();
        export(&archive).await.unwrap();
        // What comes later is the next day's.
        archive.commit("note.update", 0..1).await;
        archive.sequence().await.unwrap();
        export(&archive).await.unwrap();
        let exported = Export::of(&archive, date).await;
        let key = exported.key();
        let report = verify(&exported, std::slice::from_ref(&key), None, &earlier).unwrap();
        let newest = &roots(&archive, "?sort=-created_at&limit=1").await[0];
        assert_eq!(
            (&newest["date"], newest["size"].as_u64()),
            (&Value::from(date), Some(report.checkpoint.size))
        );
        let note = newest["checkpoint"].as_str().unwrap();
        assert_eq!(note, exported.text(&format!("roots/{date}")));
        earlier.push(Checkpoint::open(note, key.name(), std::slice::from_ref(&key)).unwrap().checkpoint);
        archive.lab.advance(DAY);
    }
    assert_eq!(earlier.iter().map(|root| root.size).collect::<Vec<_>>(), [301, 302, 903]);
    assert_eq!(roots(&archive, "").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_export_that_was_cut_off_anywhere_is_finished_by_the_next() {
    for service in [Service::Dynamo, Service::S3] {
        let archive = Archive::new().await;
        archive.commit("note.create", 0..300).await;
        archive.sequence().await.unwrap();
        for (day, calls) in (1..).zip(0..40) {
            let fault = InjectedFault::on(service, Effect::LostAnswer).after(calls).of("audit-exporter");
            archive.lab.cloud().inject(vec![fault]);
            let cut = export(&archive).await;
            archive.lab.cloud().inject(Vec::new());
            export(&archive).await.unwrap();
            assert_eq!(roots(&archive, "?limit=100").await.len(), day, "after {calls} calls");
            if cut.is_ok() {
                break;
            }
            archive.commit("note.update", 0..30).await;
            archive.sequence().await.unwrap();
            archive.lab.advance(DAY);
        }
        let newest = roots(&archive, "?sort=-created_at&limit=1").await[0]["date"].clone();
        let exported = Export::of(&archive, newest.as_str().unwrap()).await;
        verify(&exported, &[exported.key()], None, &[]).unwrap();
    }
}

/// The export of the day before is locked: a log that does not continue it is none.
#[tokio::test]
async fn what_was_altered_is_not_exported() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..3).await;
    archive.sequence().await.unwrap();
    export(&archive).await.unwrap();
    archive.lab.advance(DAY);
    archive.commit("note.create", 3..6).await;
    archive.sequence().await.unwrap();
    for (path, at) in [("tile/0/000.p/4", 40), ("tile/0/000.p/7", 170), ("tile/entries/000.p/7", 4000)] {
        archive.alter_object(path, |bytes| bytes[at] ^= 1).await;
        let error = export(&archive).await.unwrap_err().to_string();
        assert!(error.contains("it was altered"), "{path}: {error}");
        assert_eq!(roots(&archive, "").await.len(), 1, "{path}");
        archive.alter_object(path, |bytes| bytes[at] ^= 1).await;
    }
    export(&archive).await.unwrap();
    assert_eq!(roots(&archive, "").await.len(), 2);
}

#[tokio::test]
async fn what_was_exported_is_locked() {
    let archive = Archive::new().await;
    archive.sequence().await.unwrap();
    export(&archive).await.unwrap();
    for (path, bytes) in archive.exported().await {
        assert!(archive.try_replace_exported(&path).await.is_err(), "{path} is overwritten");
        assert!(archive.try_delete_exported(&path).await.is_err(), "{path} is deleted");
        assert_eq!(archive.exported().await[&path], bytes);
    }
    archive.lab.advance(DAY * 366);
    archive.try_delete_exported("vkey").await.unwrap();
}

/// A witness as C2SP tlog-witness has it: it knows one log, and the size that it cosigned last.
struct Witness {
    cosigner: Cosigner,
    log: VerifierKey,
    seen: Mutex<Option<Checkpoint>>,
}

impl Witness {
    /// What it answers to a body at `/add-checkpoint`.
    fn add_checkpoint(&self, body: &str) -> (u16, String) {
        let Ok(AddCheckpoint { old_size, proof, note }) = body.parse() else { return (400, String::new()) };
        let Ok(signed) = Checkpoint::open(&note, self.log.name(), std::slice::from_ref(&self.log)) else {
            return (403, String::new());
        };
        let mut seen = self.seen.lock().unwrap();
        let known = seen.as_ref().map_or(0, |seen| seen.size);
        if old_size != known {
            return (409, format!("{known}\n"));
        }
        let new = signed.checkpoint;
        if let Some(old) = &*seen
            && proof::verify_consistency(old.size, old.root, new.size, new.root, &proof).is_err()
        {
            return (422, String::new());
        }
        let line = self.cosigner.cosign(&new.text(), 1_767_225_600).unwrap();
        *seen = Some(new);
        (200, line)
    }
}

#[tokio::test]
async fn witnesses_cosign_what_is_exported() {
    let archive = Archive::new().await;
    archive.sequence().await.unwrap();
    let vkey = archive.app.get("/api/v1/audit/vkey").await.expect(200);
    let log: VerifierKey = String::from_utf8(vkey.body.clone()).unwrap().trim_end().parse().unwrap();
    let cosigner = Cosigner::new("witness.example/w", &[7; 32]).unwrap();
    let key = cosigner.verifier().clone();
    let absent = Cosigner::new("absent.example/w", &[8; 32]).unwrap().verifier().clone();
    let witness = Arc::new(Witness { cosigner, log: log.clone(), seen: Mutex::default() });
    let (listener, url) = server::bind().await;
    let served = Arc::clone(&witness);
    server::serve(listener, move |asked| match &*asked.path {
        "/w/add-checkpoint" => served.add_checkpoint(&asked.body),
        _ => (404, String::new()),
    });
    let boot = || {
        let boot = archive.lab.boot("audit-exporter");
        let vars = boot
            .vars
            .clone()
            .with("AUDIT_WITNESSES", &format!("{absent} http://127.0.0.1:9/, {key} {url}/w/"));
        Boot { vars, ..boot }
    };
    for day in 1..=3_u64 {
        archive.commit("note.create", 0..10).await;
        archive.sequence().await.unwrap();
        if day == 3 {
            // The witness has seen another size than the export before: it says so, and is asked from there.
            let size = archive.checkpoint().await;
            *witness.seen.lock().unwrap() = Some(size);
        }
        export_by(boot()).await.unwrap();
        let newest = &roots(&archive, "?sort=-created_at&limit=1").await[0];
        let note = newest["checkpoint"].as_str().unwrap();
        let signed = Checkpoint::open(note, log.name(), &[log.clone(), key.clone()]).unwrap();
        let signers: Vec<&str> = signed.signatures.iter().map(|signature| &*signature.name).collect();
        assert_eq!(signers, [log.name(), "witness.example/w"], "day {day}");
        assert_eq!(witness.seen.lock().unwrap().as_ref().map(|seen| seen.size), Some(1 + 10 * day));
        archive.lab.advance(DAY);
    }
}
