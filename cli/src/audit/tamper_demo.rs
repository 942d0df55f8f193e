//! `groundwork audit tamper-demo`

use std::{fs, io, io::Write, path::Path};

use platform::{Boot, config::ConfigError};
use tlog::{
    ALTERATIONS, Alteration, Checkpoint, Folder, LogWriter, SigningKey, VerifierKey,
    path::{CHECKPOINT, VKEY},
    sample,
    tamper::EARLIER,
    verify,
};

use super::{Asked, export::export};
use crate::Failure;

/// The alteration that wants an earlier checkpoint in the folder.
const ROLLBACK: &str = "rollback";

/// How many entries the log has that is made when none is given.
const SIZE: u64 = 1_000;

/// Copies a log, alters it in each way there is, and prints how each is noticed. A folder without an earlier checkpoint is
/// held against nothing, so a rollback of it is not tried.
pub(crate) fn tamper_demo(
    place: Option<&str>,
    boot: impl FnOnce() -> Result<Boot, ConfigError>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let work = tempfile::tempdir()?;
    let original = work.path().join("log");
    match place {
        None => make(&original)?,
        Some(place) if Path::new(place).join(CHECKPOINT).exists() => {
            copy(Path::new(place), &original).map_err(|error| unreadable(place, &error))?;
        }
        Some(place) => {
            let asked = Asked::read(place, &[])?;
            export(&asked, &asked.open(boot)?, &original.to_string_lossy(), &mut io::sink())?;
        }
    }
    let read = |name: &str| fs::read_to_string(original.join(name));
    let key = read(VKEY).map_err(|error| unreadable(VKEY, &error))?;
    let key: VerifierKey =
        key.trim().parse().map_err(|error| Failure::Unreadable(format!("{VKEY}: {error}")))?;
    let keys = [key];
    let present =
        verify(&Folder::new(&original), &keys, None, &[]).map_err(super::verify::failed)?.checkpoint;
    let size = present.size;
    let earlier = read(EARLIER).ok().and_then(|note| Checkpoint::open_any(&note, &keys).ok());
    let earlier: Vec<Checkpoint> = earlier.into_iter().map(|signed| signed.checkpoint).collect();
    let fits = |way: &&Alteration| way.size_min <= size && (way.name != ROLLBACK || !earlier.is_empty());
    let mut missed = Vec::new();
    for way in ALTERATIONS.iter().filter(fits) {
        let altered = work.path().join(way.name);
        copy(&original, &altered)?;
        // In the first half, so that something follows and an earlier checkpoint may cover it.
        (way.apply)(&altered, size / 3)?;
        // Whoever rolls a log back is caught by who kept what it rolls back.
        let kept = if way.name == ROLLBACK { std::slice::from_ref(&present) } else { &earlier[..] };
        let told = match verify(&Folder::new(&altered), &keys, None, kept) {
            Err(failure) if way.expected.is_met(&failure, size / 3) => format!("noticed: {failure}"),
            Err(failure) => format!("noticed, elsewhere: {failure}"),
            Ok(_) => {
                missed.push(way.name);
                "NOT NOTICED".to_owned()
            }
        };
        writeln!(out, "{:<16} {}\n{:<16} {told}", way.name, way.what, "")?;
        fs::remove_dir_all(&altered)?;
    }
    out.flush()?;
    if missed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Refused(format!("not noticed: {}", missed.join(", "))))
    }
}

/// A log of sample entries, with its key and an earlier checkpoint.
fn make(folder: &Path) -> Result<(), Failure> {
    let seed = platform::ids::random();
    let key = SigningKey::new("example.com/api/v1/audit", &seed)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    let vkey = key.verifier().to_string();
    let mut writer = LogWriter::new(folder, key);
    (0..SIZE / 2).for_each(|number| writer.append(&sample::entry(number)));
    writer.publish()?;
    fs::rename(folder.join(CHECKPOINT), folder.join(EARLIER))?;
    (SIZE / 2..SIZE).for_each(|number| writer.append(&sample::entry(number)));
    writer.publish()?;
    Ok(fs::write(folder.join(VKEY), vkey)?)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn unreadable(place: &str, error: &io::Error) -> Failure {
    Failure::Unreadable(format!("{place}: {error}"))
}
