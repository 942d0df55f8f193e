//! Logs: one JSON line per event, secrets and personal data masked.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    str::FromStr,
};

use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

/// Sends every event as a redacted JSON line to standard error, from `level` on. Only the first call counts.
pub fn init(level: LogLevel) {
    init_to(level, io::stderr);
}

/// As [`init`], to another place: `writer` gets one whole line per call of `write`.
pub fn init_to(level: LogLevel, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level.0)
        .with_writer(Redacting(writer))
        .finish();
    // A second subscriber is refused; the first one stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// `LOG_LEVEL`: the least important events that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl LogLevel {
    /// What a deployment logs unless told.
    pub const INFO: Self = Self(LevelFilter::INFO);
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LogLevel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `LevelFilter` would take numbers and capitals as well.
        match text {
            "error" => Ok(Self(LevelFilter::ERROR)),
            "warn" => Ok(Self(LevelFilter::WARN)),
            "info" => Ok(Self::INFO),
            "debug" => Ok(Self(LevelFilter::DEBUG)),
            "trace" => Ok(Self(LevelFilter::TRACE)),
            _ => Err("must be error, warn, info, debug or trace"),
        }
    }
}

/// An error with everything that is behind it: `unavailable: read a secret: no connection`.
pub fn causes(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Makes writers that mask each line on its way to the one inside.
#[derive(Clone, Debug)]
pub struct Redacting<M>(pub M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = RedactingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

/// Masks what is written to it, line by line.
#[derive(Debug)]
pub struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    /// The formatter hands over one whole line per call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(mut event) => {
                kernel::redact::redact(&mut event);
                let mut masked = serde_json::to_vec(&event)?;
                masked.push(b'\n');
                self.0.write_all(&masked)?;
            }
            Err(_) => self.0.write_all(b"{\"message\":\"a line that is not JSON was withheld\"}\n")?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_causes_are_told_with_the_error() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "no connection");
        let unavailable = || kernel::Error::unavailable("read a secret", refused());
        let told = "unavailable: read a secret: no connection";
        let cases: [(Box<dyn Error>, &str); 4] = [
            (Box::new(refused()), "no connection"),
            (Box::new(unavailable()), told),
            // Transparent: its own text is the first link only.
            (Box::new(crate::BootError::from(unavailable())), told),
            (Box::new(kernel::Error::NotFound("secret value")), "no such secret value"),
        ];
        for (error, text) in cases {
            assert_eq!(causes(&*error), text);
        }
    }

    #[test]
    fn nothing_secret_reaches_the_log() {
        let buffer = Buffer::default();
        let sink = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(Redacting(move || sink.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", route = "/x", token = "eyJ.hidden.1");
            span.in_scope(|| tracing::info!(password = "hidden-2", "sent to hidden3@example.org"));
        });
        let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert!(!log.contains("hidden"), "{log}");
        assert!(log.contains("\"route\":\"/x\""), "{log}");
    }
}
