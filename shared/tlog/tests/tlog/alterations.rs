//! Whatever is altered in a log is noticed, and where.

use std::{fs, path::Path, sync::LazyLock};

use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;
use tlog::{
    ALTERATIONS, Alteration, Bundle, Checkpoint, Failure, Folder, Hash, LogWriter, Report, SigningKey, Tile,
    hash, sample,
    tamper::{EARLIER, Expected},
    verify,
};

const ORIGIN: &str = "example.com/log";
/// Two full bundles and a partial one.
const SIZE: u64 = 700;
/// Where the log stood before.
const EARLIER_SIZE: u64 = 300;

fn key() -> SigningKey {
    SigningKey::new(ORIGIN, &[1; 32]).unwrap()
}

fn check(folder: &Path, against: &[Checkpoint]) -> Result<Report, Failure> {
    verify(&Folder::new(folder), &[key().verifier().clone()], Some(ORIGIN), against)
}

/// A log, and what it was at an earlier size. Written once and copied: debug builds are slow to hash.
fn log() -> (TempDir, Checkpoint) {
    static LOG: LazyLock<(TempDir, Checkpoint)> = LazyLock::new(write_log);
    let (original, earlier) = &*LOG;
    let folder = tempfile::tempdir().unwrap();
    copy(original.path(), folder.path());
    (folder, earlier.clone())
}

fn write_log() -> (TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::new(folder.path(), key());
    (0..EARLIER_SIZE).for_each(|number| writer.append(&sample::entry(number)));
    let earlier = writer.publish().unwrap();
    fs::rename(folder.path().join("checkpoint"), folder.path().join(EARLIER)).unwrap();
    (EARLIER_SIZE..SIZE).for_each(|number| writer.append(&sample::entry(number)));
    writer.publish().unwrap();
    (folder, earlier)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn tampered(failure: &Failure) -> (Option<u64>, &str) {
    match failure {
        Failure::Tampered { index, what } => (*index, what),
        Failure::Unreadable { .. } => panic!("{failure}"),
    }
}

fn index_of(folder: &Path) -> Option<u64> {
    tampered(&check(folder, &[]).unwrap_err()).0
}

#[test]
fn a_log_is_what_it_says() {
    let (folder, earlier) = log();
    let empty = Checkpoint::new(ORIGIN, 0, hash::empty());
    let present = check(folder.path(), &[]).unwrap().checkpoint;
    assert_eq!((present.size, present.origin.as_str()), (SIZE, ORIGIN));
    let report = check(folder.path(), &[present.clone(), earlier.clone(), empty, earlier]).unwrap();
    assert_eq!(report.continues, [0, EARLIER_SIZE, EARLIER_SIZE, SIZE]);
    assert_eq!((&report.checkpoint, report.signatures.len()), (&present, 1));
    assert_ne!(report.head, Hash::ZERO);
    let any = verify(&Folder::new(folder.path()), &[key().verifier().clone()], None, &[]).unwrap();
    assert_eq!(any.head, report.head);
}

#[test]
fn every_size_is_verified() {
    for size in [0, 1, 2, 255, 256, 257, 512] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = sample::write(folder.path(), size, key()).unwrap();
        assert_eq!(check(folder.path(), &[]).unwrap().checkpoint, checkpoint);
    }
}

#[test]
fn a_full_tile_stands_for_the_partial_one_that_it_was() {
    let (folder, earlier) = log();
    fs::rename(folder.path().join(EARLIER), folder.path().join("checkpoint")).unwrap();
    assert!(!folder.path().join("tile/entries/001.p").exists());
    assert_eq!(check(folder.path(), &[]).unwrap().checkpoint, earlier);
}

fn assert_caught(alteration: &Alteration, at: u64, present: &Checkpoint) {
    let (folder, _) = log();
    (alteration.apply)(folder.path(), at).unwrap();
    let rolled_back = alteration.expected == Expected::Rollback;
    // Rolled back it is a log like any other.
    let against = if rolled_back { std::slice::from_ref(present) } else { &[] };
    let failure = check(folder.path(), against).unwrap_err();
    assert!(alteration.expected.is_met(&failure, at), "{} at {at}: {failure:?}", alteration.name);
    assert!(!rolled_back || check(folder.path(), &[]).is_ok());
}

#[test]
fn every_alteration_is_caught_where_it_is() {
    let (folder, earlier) = log();
    let present = check(folder.path(), &[earlier]).unwrap().checkpoint;
    for alteration in ALTERATIONS.iter().filter(|alteration| alteration.size_min <= SIZE) {
        for at in [0, 255, 300, 512, 698] {
            assert_caught(alteration, at, &present);
        }
    }
}

#[test]
fn alterations_have_names_of_their_own() {
    let mut names: Vec<&str> = ALTERATIONS.iter().map(|alteration| alteration.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALTERATIONS.len());
}

#[test]
fn what_was_rewritten_is_found_between_checkpoints() {
    let alter = ALTERATIONS.iter().find(|alteration| alteration.name == "rewrite-from").unwrap();
    for (at, entries) in [(100, "entries 0 to 299 are not those"), (400, "entries 300 to 699 fit together")] {
        let (folder, earlier) = log();
        (alter.apply)(folder.path(), at).unwrap();
        let failure = check(folder.path(), &[earlier]).unwrap_err();
        let (index, what) = tampered(&failure);
        assert!(index.is_none() && what.contains(entries), "{what}");
    }
}

/// What nobody can see who knows one checkpoint only: the log's own key signs two histories.
#[test]
fn a_fork_by_the_log_itself_is_caught_by_an_earlier_checkpoint() {
    let (_, earlier) = log();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::new(folder.path(), key());
    (0..SIZE)
        .map(|number| number + u64::from(number >= 299))
        .for_each(|number| writer.append(&sample::entry(number)));
    writer.publish().unwrap();
    check(folder.path(), &[]).unwrap();
    let failure = check(folder.path(), &[earlier]).unwrap_err();
    assert!(tampered(&failure).1.starts_with("the log was written anew: entries 0 to 299"), "{failure}");
}

#[test]
fn whose_log_it_is_is_said() {
    let (folder, mut earlier) = log();
    let source = Folder::new(folder.path());
    let keys = [key().verifier().clone()];
    let what = |failure: Failure| tampered(&failure).1.to_owned();
    let other = verify(&source, &keys, Some("example.com/other"), &[]).unwrap_err();
    assert_eq!(what(other), "the checkpoint is of the log example.com/log, not of example.com/other");
    let strange = SigningKey::new(ORIGIN, &[2; 32]).unwrap();
    let other = verify(&source, &[strange.verifier().clone()], None, &[]).unwrap_err();
    assert!(
        what(other).starts_with("the note is signed by none of the known keys, but by example.com/log (")
    );
    earlier.origin = "example.com/other".into();
    let other = check(folder.path(), &[earlier]).unwrap_err();
    assert_eq!(
        what(other),
        "the checkpoint is of the log example.com/log, and the earlier one of example.com/other"
    );
}

#[test]
fn what_cannot_be_read_is_not_called_tampered() {
    let folder = tempfile::tempdir().unwrap();
    let failure = check(folder.path(), &[]).unwrap_err();
    assert_eq!(failure, Failure::Unreadable { path: "checkpoint".into(), why: "there is none".into() });
    let (folder, _) = log();
    let bundle = folder.path().join("tile/entries/001");
    fs::remove_file(&bundle).unwrap();
    fs::create_dir(&bundle).unwrap();
    let failure = check(folder.path(), &[]).unwrap_err();
    assert!(
        matches!(failure, Failure::Unreadable { ref path, .. } if path == "tile/entries/001"),
        "{failure:?}"
    );
}

#[test]
fn what_is_missing_is_named() {
    for (path, index) in [
        ("tile/entries/001", 256),
        ("tile/entries/002.p/188", 512),
        ("tile/0/000", 0),
        ("tile/0/002.p/188", 512),
        ("tile/1/000.p/2", 0),
    ] {
        let (folder, _) = log();
        fs::remove_file(folder.path().join(path)).unwrap();
        let failure = check(folder.path(), &[]).unwrap_err();
        let what = format!("the log is truncated at entry {index}: {path} is missing");
        assert_eq!(tampered(&failure), (Some(index), what.as_str()));
    }
}

#[test]
fn sizes_are_exact() {
    for (path, index) in [
        (Bundle::new(1, 256).unwrap().path(), 512),
        (Bundle::new(2, 188).unwrap().path(), SIZE),
        (Tile::new(0, 1, 256).unwrap().path(), 512),
        (Tile::new(0, 2, 188).unwrap().path(), SIZE),
        (Tile::new(1, 0, 2).unwrap().path(), 512),
    ] {
        let (folder, _) = log();
        let file = folder.path().join(&path);
        let mut bytes = fs::read(&file).unwrap();
        bytes.push(0);
        fs::write(&file, &bytes).unwrap();
        assert_eq!(index_of(folder.path()), Some(index), "{path} is longer");
        bytes.truncate(bytes.len() - 2);
        fs::write(&file, &bytes).unwrap();
        let covered = if path.starts_with("tile/1/") { 256 } else { index - 1 };
        assert_eq!(index_of(folder.path()), Some(covered), "{path} is shorter");
    }
}

/// An entry that is signed, chained and in the tree, but no entry.
#[test]
fn what_is_no_entry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::new(folder.path(), key());
    writer.append(&sample::entry(0));
    writer.append_leaf(b"{}".to_vec());
    writer.publish().unwrap();
    let failure = check(folder.path(), &[]).unwrap_err();
    assert_eq!(tampered(&failure), (Some(1), "entry 1: at its byte 0 should be {\"v\":1,\"id\":\""));
}

#[test]
fn any_flipped_bit_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    sample::write(folder.path(), SIZE, key()).unwrap();
    let files = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/188",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/188",
    ];
    let flips = (prop::sample::select(files.to_vec()), any::<prop::sample::Index>(), 0..8_u8);
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, ..ProptestConfig::default() });
    let caught = runner.run(&flips, |(file, at, bit)| {
        let path = folder.path().join(file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        let verified = check(folder.path(), &[]);
        fs::write(&path, &whole).unwrap();
        let failure = verified.expect_err("a bit was flipped");
        let named =
            matches!(failure, Failure::Tampered { index, .. } if index.is_some() || file == "checkpoint");
        prop_assert!(named, "{file}, bit {bit} of byte {at}: {failure:?}");
        Ok(())
    });
    caught.unwrap();
    check(folder.path(), &[]).unwrap();
}
