//! The audit log, held against itself: by whoever has a copy of it, or may read it.

mod prove;
mod remote;
mod tamper_demo;
mod verify;

use std::{fs, path::Path};

use platform::config::Vars;
use tlog::{
    Checkpoint, VerifierKey,
    source::{Folder, ReadError, Source},
};

use crate::Failure;
use remote::Remote;

pub(crate) use prove::prove;
pub(crate) use tamper_demo::tamper_demo;
pub(crate) use verify::verify;

/// The file, or the path under a URL, with the log's verifier key.
const VKEY: &str = "vkey";

/// Where a log is, and what it is held against.
#[derive(Debug, Default)]
pub(crate) struct Asked<'a> {
    /// A folder or a URL.
    place: &'a str,
    /// `--key`: the log's verifier key, as whoever asks has written it down.
    key: Option<&'a str>,
    /// `--against`: a file with a checkpoint of the log from earlier.
    against: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    /// Reads what stands behind the command.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(crate) fn read(place: &'a str, mut options: &[&'a str]) -> Result<Self, Failure> {
        let mut asked = Self { place, ..Self::default() };
        while let [name, rest @ ..] = options {
            let [value, rest @ ..] = rest else {
                return Err(Failure::Usage(format!("{name} wants a value")));
            };
            match *name {
                "--key" => asked.key = Some(value),
                "--against" => asked.against.push(value),
                other => return Err(Failure::Usage(format!("`{other}` is no option of it"))),
            }
            options = rest;
        }
        Ok(asked)
    }

    fn source(&self, vars: &Vars) -> Result<Box<dyn Source>, Failure> {
        if self.place.starts_with("http://") || self.place.starts_with("https://") {
            return Ok(Box::new(Remote::new(self.place, vars)?));
        }
        if !Path::new(self.place).is_dir() {
            return Err(Failure::Unreadable(format!("{} is neither a folder nor a URL", self.place)));
        }
        Ok(Box::new(Folder::new(self.place)))
    }

    /// The key that was written down, or the one that comes with the log.
    fn key(&self, source: &dyn Source) -> Result<VerifierKey, Failure> {
        let text = match self.key {
            Some(key) => key.to_owned(),
            None => String::from_utf8(source.read(VKEY).map_err(unreadable)?)
                .map_err(|_| Failure::Unreadable(format!("{VKEY} is no text")))?,
        };
        text.trim().parse().map_err(|error| Failure::Unreadable(format!("the verifier key: {error}")))
    }

    /// The checkpoints from earlier, each signed by the log.
    fn earlier(&self, key: &VerifierKey) -> Result<Vec<Checkpoint>, Failure> {
        let read = |path: &&str| {
            let note =
                fs::read_to_string(path).map_err(|error| Failure::Unreadable(format!("{path}: {error}")))?;
            let signed = Checkpoint::open(&note, key.name(), std::slice::from_ref(key));
            signed
                .map(|signed| signed.checkpoint)
                .map_err(|error| Failure::Unreadable(format!("{path}: {error}")))
        };
        self.against.iter().map(read).collect()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it translates an error")]
fn unreadable(error: ReadError) -> Failure {
    Failure::Unreadable(error.to_string())
}
