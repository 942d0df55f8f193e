//! Logs in folders, verified and proven.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;
use testkit::Lab;
use tlog::{Hash, SigningKey, hash, proof, sample};

use super::{failed, groundwork};

const SIZE: u64 = 300;

fn key() -> SigningKey {
    SigningKey::new("example.com/api/v1/audit", &[7; 32]).unwrap()
}

/// A log with its key beside it.
fn log() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    sample::write(folder.path(), SIZE, key()).unwrap();
    fs::write(folder.path().join("vkey"), format!("{}\n", key().verifier())).unwrap();
    folder
}

fn alter(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

async fn verify(options: &[&str]) -> Result<Value, (u8, String)> {
    let arguments = [&["audit", "verify"], options].concat();
    let (printed, ended) = groundwork(&Lab::new(), &arguments).await;
    match ended {
        Ok(()) => Ok(serde_json::from_str(&printed).unwrap()),
        ended => Err(failed(ended)),
    }
}

#[tokio::test]
async fn an_intact_log_is_0_a_tampered_one_1_and_none_2() {
    let folder = log();
    let place = folder.path().to_str().unwrap();
    let vkey = key().verifier().to_string();
    let report = verify(&[place, "--key", &vkey]).await.unwrap();
    assert_eq!((&report["status"], &report["size"]), (&"intact".into(), &SIZE.into()));

    let checkpoint = folder.path().join("checkpoint");
    let earlier = folder.path().join("earlier");
    fs::copy(&checkpoint, &earlier).unwrap();
    let against = ["--against", earlier.to_str().unwrap()];
    let report = verify(&[&[place][..], &against].concat()).await.unwrap();
    assert_eq!(report["continues"], serde_json::json!([SIZE]));
    let shorter = tempfile::tempdir().unwrap();
    sample::write(shorter.path(), SIZE - 1, key()).unwrap();
    let rolled_back = [&[shorter.path().to_str().unwrap(), "--key", &vkey][..], &against].concat();
    let (code, line) = verify(&rolled_back).await.unwrap_err();
    assert_eq!(code, 1);
    assert!(line.contains("rolled back"), "{line}");

    let other = SigningKey::new("example.com/api/v1/audit", &[8; 32]).unwrap().verifier().to_string();
    assert_eq!(verify(&[place, "--key", &other]).await.unwrap_err().0, 1);

    alter(&folder.path().join("tile/entries/001.p/44"), 800);
    let (code, line) = verify(&[place]).await.unwrap_err();
    assert_eq!(code, 1);
    assert!(line.starts_with("tampered with, first at entry 257: "), "{line}");

    fs::remove_file(&checkpoint).unwrap();
    for nothing in [place, "/nowhere/at/all", "http://127.0.0.1:1/api/v1/audit"] {
        let (code, line) = verify(&[nothing, "--key", &vkey]).await.unwrap_err();
        assert_eq!(code, 2, "{line}");
    }
}

#[tokio::test]
async fn an_entry_is_proven_by_its_place_or_its_id() {
    let folder = log();
    let place = folder.path().to_str().unwrap();
    let root = verify(&[place]).await.unwrap()["root"].as_str().unwrap().parse().unwrap();
    for wanted in ["280".to_owned(), sample::entry(280).id.to_string()] {
        let (printed, ended) = groundwork(&Lab::new(), &["audit", "prove", &wanted, place]).await;
        ended.unwrap();
        let proven: Value = serde_json::from_str(&printed).unwrap();
        let hashes = proven["hashes"].as_array().unwrap().iter();
        let hashes: Vec<Hash> = hashes.map(|hash| hash.as_str().unwrap().parse().unwrap()).collect();
        let leaf = hash::leaf(proven["leaf"].as_str().unwrap().as_bytes());
        proof::verify_inclusion(leaf, 280, SIZE, &hashes, root).unwrap();
    }
    // A partial tile or bundle may have become a full one since.
    let (grown, longer) = (log(), tempfile::tempdir().unwrap());
    sample::write(longer.path(), 512, key()).unwrap();
    for full in ["tile/0/001", "tile/entries/001"] {
        fs::remove_dir_all(grown.path().join(format!("{full}.p"))).unwrap();
        fs::copy(longer.path().join(full), grown.path().join(full)).unwrap();
    }
    let grown = grown.path().to_str().unwrap();
    groundwork(&Lab::new(), &["audit", "prove", "280", grown]).await.1.unwrap();
    verify(&[grown]).await.unwrap();
    for (none, said) in
        [(SIZE.to_string(), "from 0 on"), (sample::entry(SIZE).id.to_string(), "has no entry")]
    {
        let (code, line) = failed(groundwork(&Lab::new(), &["audit", "prove", &none, place]).await.1);
        assert_eq!(code, 1);
        assert!(line.contains(said), "{line}");
    }
    alter(&folder.path().join("tile/entries/001.p/44"), 800);
    let (code, line) = failed(groundwork(&Lab::new(), &["audit", "prove", "257", place]).await.1);
    assert_eq!(code, 1);
    assert!(line.contains("entry 257 is not what was signed"), "{line}");
    groundwork(&Lab::new(), &["audit", "prove", "256", place]).await.1.unwrap();
}

#[tokio::test]
async fn every_way_to_tamper_is_noticed() {
    let (printed, ended) = groundwork(&Lab::new(), &["audit", "tamper-demo"]).await;
    ended.unwrap();
    assert!(!printed.contains("elsewhere") && !printed.contains("NOT"), "{printed}");
    assert_eq!(printed.matches("noticed: ").count(), 16, "all but what wants 65,536 entries: {printed}");
    let folder = log();
    let (printed, ended) =
        groundwork(&Lab::new(), &["audit", "tamper-demo", folder.path().to_str().unwrap()]).await;
    ended.unwrap();
    assert_eq!(
        printed.matches("noticed: ").count(),
        15,
        "and no rollback without an earlier checkpoint: {printed}"
    );
    assert_eq!(failed(groundwork(&Lab::new(), &["audit", "tamper-demo", "/nowhere"]).await.1).0, 2);
}

/// The same log as an export has it: a checkpoint for each day, and none that is the newest.
fn export() -> TempDir {
    let folder = log();
    let earlier = tempfile::tempdir().unwrap();
    sample::write(earlier.path(), 200, key()).unwrap();
    let roots = folder.path().join("roots");
    fs::create_dir(&roots).unwrap();
    fs::copy(earlier.path().join("checkpoint"), roots.join("2026-01-01")).unwrap();
    fs::rename(folder.path().join("checkpoint"), roots.join("2026-01-02")).unwrap();
    fs::write(roots.join(".tmpAbCdEf"), "what a copy that was killed has left").unwrap();
    folder
}

/// Puts a folder into a bucket of the embedded cloud, under `log/`.
async fn upload(lab: &Lab, bucket: &str, folder: &Path) {
    let client = aws_sdk_s3::Client::new(&lab.cloud().sdk_config());
    let mut folders = vec![folder.to_owned()];
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(within).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let key = format!("log/{}", path.strip_prefix(folder).unwrap().to_str().unwrap());
            let body = fs::read(&path).unwrap();
            client.put_object().bucket(bucket).key(key).body(body.into()).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_export_is_verified_in_a_folder_and_in_its_bucket() {
    let (lab, folder) = (Lab::new(), export());
    let bucket = lab.environment("audit")["AUDIT_BUCKET"].clone();
    upload(&lab, &bucket, folder.path()).await;
    let s3 = format!("s3://{bucket}/log");
    for place in [folder.path().to_str().unwrap(), &s3] {
        let (printed, ended) = groundwork(&lab, &["audit", "verify", place]).await;
        ended.unwrap();
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(
            report["continues"],
            serde_json::json!([200, SIZE]),
            "{place}: each day is held against it"
        );
        groundwork(&lab, &["audit", "prove", "280", place]).await.1.unwrap();
    }
    for (nothing, said) in [("s3://", "the name of a bucket"), ("s3://there-is-none", "NoSuchBucket")] {
        let (code, line) = failed(groundwork(&lab, &["audit", "verify", nothing]).await.1);
        assert_eq!(code, 2, "{line}");
        assert!(line.contains(said), "{line}");
    }
    // The log was written anew after the first day, by somebody with its key.
    let other = tempfile::tempdir().unwrap();
    fs::create_dir(other.path().join("roots")).unwrap();
    let mut writer = tlog::LogWriter::new(other.path(), key());
    (500..500 + SIZE).for_each(|number| writer.append(&sample::entry(number)));
    writer.publish().unwrap();
    fs::write(other.path().join("vkey"), key().verifier().to_string()).unwrap();
    fs::copy(folder.path().join("roots/2026-01-01"), other.path().join("roots/2026-01-01")).unwrap();
    let (code, line) = verify(&[other.path().to_str().unwrap()]).await.unwrap_err();
    assert_eq!(code, 1);
    assert!(line.contains("written anew"), "{line}");
    alter(&other.path().join("roots/2026-01-01"), 60);
    let (code, line) = verify(&[other.path().to_str().unwrap()]).await.unwrap_err();
    assert!(code == 1 && line.contains("roots/2026-01-01"), "{line}");
}

#[tokio::test]
async fn a_log_is_copied_and_a_copy_goes_on_where_it_was_cut_off() {
    let (lab, folder, copy) = (Lab::new(), log(), tempfile::tempdir().unwrap());
    let (place, to) = (folder.path().to_str().unwrap(), copy.path().to_str().unwrap());
    let export = async || groundwork(&lab, &["audit", "export", place, to]).await;
    // A disk that is full stops it somewhere; what is there has no checkpoint, and is no log.
    fs::write(copy.path().join("tile"), "no folder").unwrap();
    let (code, line) = failed(export().await.1);
    assert_eq!(code, 73);
    assert!(line.contains("/tile/0/000: "), "it names what could not be written: {line}");
    assert_eq!(verify(&[to, "--key", &key().verifier().to_string()]).await.unwrap_err().0, 2);
    fs::remove_file(copy.path().join("tile")).unwrap();
    let (printed, ended) = export().await;
    ended.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["size"], SIZE);
    assert_eq!(verify(&[to]).await.unwrap()["size"], SIZE);
    export().await.1.unwrap();
    // One that was cut short by other means.
    let bundle = copy.path().join("tile/entries/000");
    let bytes = fs::read(&bundle).unwrap();
    fs::write(&bundle, &bytes[..bytes.len() / 2]).unwrap();
    let (code, line) = verify(&[to]).await.unwrap_err();
    assert!(code == 1 && line.contains("tile/entries/000") && line.contains("first at entry 1"), "{line}");
    fs::remove_file(&bundle).unwrap();
    let (code, line) = verify(&[to]).await.unwrap_err();
    assert!(code == 1 && line.contains("truncated at entry 0: tile/entries/000 is missing"), "{line}");
}
