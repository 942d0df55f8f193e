//! Where a log is: a folder, a URL, or a bucket.

use std::{fs, io, path::Path, thread};

use platform::{
    Boot,
    bucket::Bucket,
    config::{ConfigError, Vars},
};
use tlog::{
    path::{self, CHECKPOINT, ROOTS},
    source::{Folder, ReadError, Source},
};
use tokio::runtime::{Builder, Runtime};

use super::remote::Remote;
use crate::Failure;

/// A log, and what was exported of it day by day.
pub(super) struct Place {
    source: Box<dyn Source>,
    /// The paths of the checkpoints that an export keeps, oldest first.
    roots: Vec<String>,
}

impl Place {
    /// The log in a folder, at an `http` or `https` URL, or in a bucket, `s3://BUCKET[/PREFIX]`.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] when it is none of them, [`Failure::Boot`] without the settings that a bucket needs.
    pub(super) fn open(
        place: &str,
        vars: &Vars,
        boot: impl FnOnce() -> Result<Boot, ConfigError>,
    ) -> Result<Self, Failure> {
        if place.starts_with("http://") || place.starts_with("https://") {
            return Ok(Self { source: Box::new(Remote::new(place, vars)?), roots: Vec::new() });
        }
        let unreadable = |why: String| Failure::Unreadable(format!("{place}: {why}"));
        if let Some(rest) = place.strip_prefix("s3://") {
            let objects = Objects::new(rest, &boot()?)?;
            let roots = objects.roots().map_err(unreadable)?;
            return Ok(Self { source: Box::new(objects), roots });
        }
        if !Path::new(place).is_dir() {
            return Err(Failure::Unreadable(format!("{place} is no folder, no URL and no bucket")));
        }
        let roots = roots_in(Path::new(place)).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { source: Box::new(Folder::new(place)), roots })
    }

    /// The checkpoints of the days that an export has, oldest first: its path and its note.
    pub(super) fn roots(&self) -> impl Iterator<Item = Result<(&str, Vec<u8>), ReadError>> {
        self.roots.iter().map(|path| Ok((path.as_str(), self.source.read(path)?)))
    }
}

impl Source for Place {
    /// An export has no checkpoint but those of its days: the last one stands for it.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match (self.source.read(path), self.roots.last()) {
            (Err(ReadError::NotFound { .. }), Some(newest)) if path == CHECKPOINT => self.source.read(newest),
            (read, _) => read,
        }
    }
}

fn roots_in(folder: &Path) -> io::Result<Vec<String>> {
    let days = match fs::read_dir(folder.join(ROOTS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        days => days?,
    };
    let mut roots = Vec::new();
    for day in days {
        roots.push(path::root(&day?.file_name().to_string_lossy()));
    }
    roots.retain(|path| is_root(path));
    roots.sort();
    Ok(roots)
}

/// Whether it is the path of a day's checkpoint, and nothing that a copy or a desktop has left beside them.
fn is_root(path: &str) -> bool {
    let day = path.strip_prefix(ROOTS).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let is_digit =
        |at: usize, byte: u8| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    day.len() == "YYYY-MM-DD".len() && day.bytes().enumerate().all(|(at, byte)| is_digit(at, byte))
}

/// Objects of a bucket under a prefix.
struct Objects {
    bucket: Bucket,
    /// Empty, or with a slash at its end.
    prefix: String,
    /// Commands run on one runtime already, and read as if nothing else did.
    runtime: Option<Runtime>,
}

impl Objects {
    fn new(rest: &str, boot: &Boot) -> Result<Self, Failure> {
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(Failure::Unreadable("s3:// wants the name of a bucket".to_owned()));
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { bucket: Bucket::new(&boot.aws, name.to_owned()), prefix, runtime: Some(runtime) })
    }

    fn roots(&self) -> Result<Vec<String>, String> {
        let listed = self.wait(self.bucket.list(&format!("{}{ROOTS}/", self.prefix)))?;
        // S3 lists in the order of the keys' bytes, which for days is that of time.
        let paths = listed.iter().filter_map(|key| key.strip_prefix(&self.prefix));
        Ok(paths.filter(|path| is_root(path)).map(str::to_owned).collect())
    }

    fn wait<T: Send>(&self, answer: impl Future<Output = kernel::Result<T>> + Send) -> Result<T, String> {
        let Some(runtime) = &self.runtime else { return Err("its runtime has ended".to_owned()) };
        let answered = thread::scope(|scope| scope.spawn(|| runtime.block_on(answer)).join());
        let answered = answered.map_err(|_| "reading it panicked".to_owned())?;
        answered.map_err(|error| platform::telemetry::causes(&error))
    }
}

impl Source for Objects {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let key = format!("{}{path}", self.prefix);
        match self.wait(self.bucket.get(&key)) {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(ReadError::NotFound { path: path.to_owned() }),
            Err(why) => Err(ReadError::Other { path: path.to_owned(), why }),
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It may be dropped on the runtime of the command, where nothing may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
