//! A log, altered again and again in every way that there is, at places that are drawn.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use serde_json::{Value, json};
use tlog::{
    ALTERATIONS, Alteration, Checkpoint, Folder, LogWriter, SigningKey, VerifierKey,
    path::CHECKPOINT,
    sample,
    tamper::{EARLIER, Expected},
    verify,
};

use crate::Result;

/// A full bundle and a partial one.
const SIZE: u64 = 270;
/// Where the log stood before.
const EARLIER_SIZE: u64 = 130;

/// Every so many alterations one is of the list, the others are of any byte anywhere.
const LISTED: usize = 4;

/// A log in memory, and what it was.
struct Original {
    files: Vec<(PathBuf, Vec<u8>)>,
    key: VerifierKey,
    present: Checkpoint,
}

/// Alters a log so often; what was not noticed is told.
pub(crate) fn alter(count: u64) -> Result<Value> {
    let original = Original::new()?;
    let count = usize::try_from(count)?;
    let missed = Mutex::new(Vec::new());
    let workers = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let work = |worker: usize| {
            let (original, missed) = (&original, &missed);
            move || -> io::Result<()> {
                let folder = tempfile::tempdir_in(memory())?;
                for number in (worker..count).step_by(workers) {
                    if let Some(what) = original.altered(folder.path(), number)? {
                        missed.lock().expect("no worker panics").push(what);
                    }
                }
                Ok(())
            }
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(work(worker))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    let missed = missed.into_inner()?;
    Ok(json!({ "alterations": count, "noticed": count - missed.len(), "missed": missed }))
}

/// Where files cost least.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

impl Original {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = SigningKey::new("example.com/log", &[1; 32])?;
        let verifier = key.verifier().clone();
        let mut writer = LogWriter::new(folder.path(), key);
        (0..EARLIER_SIZE).for_each(|number| writer.append(&sample::entry(number)));
        writer.publish()?;
        fs::rename(folder.path().join(CHECKPOINT), folder.path().join(EARLIER))?;
        (EARLIER_SIZE..SIZE).for_each(|number| writer.append(&sample::entry(number)));
        let present = writer.publish()?;
        let mut files = Vec::new();
        read(folder.path(), folder.path(), &mut files)?;
        Ok(Self { files, key: verifier, present })
    }

    /// Alters a copy; answers what was not noticed.
    fn altered(&self, folder: &Path, number: usize) -> io::Result<Option<String>> {
        let copy = folder.join("log");
        for (path, bytes) in &self.files {
            let file = copy.join(path);
            fs::create_dir_all(file.parent().unwrap_or(&copy))?;
            fs::write(file, bytes)?;
        }
        let missed = if number.is_multiple_of(LISTED) {
            self.listed(&copy, number / LISTED)
        } else {
            self.anywhere(&copy)
        };
        fs::remove_dir_all(&copy)?;
        missed
    }

    /// One bit, a byte more, the rest less, or the whole of any file that the log is made of.
    fn anywhere(&self, copy: &Path) -> io::Result<Option<String>> {
        let files: Vec<_> = self.files.iter().filter(|(path, _)| !path.ends_with(EARLIER)).collect();
        let (path, bytes) = files[drawn(files.len())];
        let (at, bit, way) = (drawn(bytes.len()), drawn(8), drawn(4));
        let mut altered = bytes.clone();
        match way {
            0 => altered[at] ^= 1 << bit,
            1 => altered.insert(at, bytes[at] ^ (1 << bit)),
            2 => altered.truncate(at),
            _ => altered.clear(),
        }
        let file = copy.join(path);
        if altered.is_empty() {
            fs::remove_file(&file)?;
        } else {
            fs::write(&file, altered)?;
        }
        Ok(match verify(&Folder::new(copy), std::slice::from_ref(&self.key), None, &[]) {
            Err(_) => None,
            Ok(_) => Some(format!("{} altered at byte {at}, bit {bit}, in way {way}", path.display())),
        })
    }

    fn listed(&self, copy: &Path, number: usize) -> io::Result<Option<String>> {
        let ways: Vec<&Alteration> = ALTERATIONS.iter().filter(|way| way.size_min <= SIZE).collect();
        let way = ways[number % ways.len()];
        let at = u64::try_from(drawn(usize::try_from(SIZE - 1).unwrap_or(1))).unwrap_or(0);
        (way.apply)(copy, at)?;
        // Rolled back it is a log like any other, to everybody but who knows it.
        let is_known = way.expected == Expected::Rollback;
        let kept = if is_known { std::slice::from_ref(&self.present) } else { &[] };
        let verified = verify(&Folder::new(copy), std::slice::from_ref(&self.key), None, kept);
        Ok(match verified {
            Err(failure) if way.expected.is_met(&failure, at) => None,
            Err(failure) => Some(format!("{} at {at} is told of elsewhere: {failure}", way.name)),
            Ok(_) => Some(format!("{} at {at}", way.name)),
        })
    }
}

/// A number below that.
fn drawn(below: usize) -> usize {
    usize::from_be_bytes(platform::ids::random()) % below
}

fn read(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else {
            files.push((path.strip_prefix(root)?.to_owned(), fs::read(&path)?));
        }
    }
    Ok(())
}
