//! The audit log, held against itself: by whoever has a copy of it, or may read it.

mod export;
mod place;
mod prove;
mod remote;
mod tamper_demo;
mod verify;

use std::{fmt::Display, fs, io::Write};

use platform::{
    Boot,
    config::{ConfigError, Vars},
};
use tlog::{
    Checkpoint, VerifierKey,
    path::VKEY,
    source::{ReadError, Source},
};

use crate::Failure;
use place::Place;

/// Carries out a command; `boot` is asked only for a bucket.
///
/// # Errors
/// [`Failure`].
pub(crate) fn run(
    command: &[&str],
    boot: impl FnOnce() -> Result<Boot, ConfigError>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match command {
        ["verify", place, options @ ..] => {
            let asked = Asked::read(place, options)?;
            verify::verify(&asked, &asked.open(boot)?, out)
        }
        ["prove", entry, place, options @ ..] => {
            let asked = Asked::read(place, options)?;
            prove::prove(entry, &asked, &asked.open(boot)?, out)
        }
        ["export", place, folder, options @ ..] => {
            let asked = Asked::read(place, options)?;
            export::export(&asked, &asked.open(boot)?, folder, out)
        }
        ["tamper-demo"] => tamper_demo::tamper_demo(None, boot, out),
        ["tamper-demo", place] => tamper_demo::tamper_demo(Some(place), boot, out),
        ["verify"] => Err(Failure::Usage("audit verify wants a folder, a URL or a bucket".into())),
        ["prove", ..] => {
            Err(Failure::Usage("audit prove wants an entry, and a folder, a URL or a bucket".into()))
        }
        ["export", ..] => Err(Failure::Usage(
            "audit export wants a folder, a URL or a bucket, and a folder to write".into(),
        )),
        other => Err(Failure::Usage(format!("`audit {}` is no command", other.join(" ")))),
    }
}

/// Where a log is, and what it is held against.
#[derive(Debug, Default)]
struct Asked<'a> {
    /// A folder, a URL or a bucket.
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
    fn read(place: &'a str, mut options: &[&'a str]) -> Result<Self, Failure> {
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

    /// Opens the log.
    ///
    /// # Errors
    /// As [`Place::open`].
    fn open(&self, boot: impl FnOnce() -> Result<Boot, ConfigError>) -> Result<Place, Failure> {
        Place::open(self.place, &Vars::from_process(), boot)
    }

    /// The key that was written down, or the one that comes with the log.
    fn key(&self, source: &Place) -> Result<VerifierKey, Failure> {
        let text = match self.key {
            Some(key) => key.to_owned(),
            None => String::from_utf8(source.read(VKEY).map_err(unreadable)?)
                .map_err(|_| Failure::Unreadable(format!("{VKEY} is no text")))?,
        };
        text.trim().parse().map_err(|error| Failure::Unreadable(format!("the verifier key: {error}")))
    }

    /// The checkpoints from earlier, each signed by the log: those that were kept, and those that an export has.
    fn earlier(&self, place: &Place, key: &VerifierKey) -> Result<Vec<Checkpoint>, Failure> {
        let open = |note: &[u8]| {
            let signed =
                Checkpoint::open(&String::from_utf8_lossy(note), key.name(), std::slice::from_ref(key));
            signed.map(|signed| signed.checkpoint)
        };
        let mut earlier = Vec::new();
        for path in &self.against {
            let unreadable = |error: &dyn Display| Failure::Unreadable(format!("{path}: {error}"));
            let note = fs::read(path).map_err(|error| unreadable(&error))?;
            earlier.push(open(&note).map_err(|error| unreadable(&error))?);
        }
        for root in place.roots() {
            let (path, note) = root.map_err(unreadable)?;
            earlier.push(open(&note).map_err(|error| Failure::Tampered(format!("{path}: {error}")))?);
        }
        Ok(earlier)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it translates an error")]
fn unreadable(error: ReadError) -> Failure {
    Failure::Unreadable(error.to_string())
}
