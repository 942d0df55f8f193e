//! `groundwork`: what operators do to a deployed stack from their own terminal.
//!
//! A command does what a function would, so it reads what that function reads: the same variables, and the credentials
//! that AWS's own tools put into the environment.

mod admin;
mod audit;
mod caller;
mod jobs;
mod keys;
mod operator;

use std::io::Write;

use keys::Command;
use platform::{
    Boot, BootError,
    config::{ConfigError, Vars},
};

/// What `groundwork help` prints.
pub const HELP: &str = "\
groundwork: what operators do to a deployed stack

  groundwork operator create EMAIL   makes the first operator's account and prints
                                     {\"email\", \"password\"} once: keep it
  groundwork admin secret            makes a new secret for HTTP Basic on /admin and prints
                                     {\"username\", \"secret\"} once; the one before ends
  groundwork jwks print              prints the published keys
  groundwork keys status             prints where each signing key stands, and since when
  groundwork keys rotate             lets the next key sign; refused while some client
                                     may not know it yet
  groundwork keys revoke KID         takes a key that is in wrong hands out of use at once
  groundwork keys import FILE        takes in an RS256 key (PKCS #8, PEM or DER)
  groundwork audit verify PLACE [--key VKEY] [--against FILE]...
                                     checks every entry of an audit log, its chain, its tree and
                                     its signature; and that it continues an earlier checkpoint
  groundwork audit prove ENTRY PLACE [--key VKEY]
                                     proves that the log has an entry, by its id or its place
  groundwork audit export PLACE FOLDER [--key VKEY]
                                     copies a log, or what of it is not in the folder yet
  groundwork audit tamper-demo [PLACE]
                                     alters copies of a log, or of one made for it, in every way
                                     there is, and shows how each is noticed
  groundwork jobs ls [--type TYPE] [--status STATUS]
                                     lists jobs, the newest first
  groundwork jobs show ID [--follow] shows a job; follows it to its end
  groundwork jobs cancel ID          cancels a job
  groundwork jobs retry ID           tries a job again that has ended without success
  groundwork jobs dead               lists what could not be delivered, or failed each time
  groundwork jobs redrive ID         gives a dead letter another try
  groundwork help                    prints this

Jobs are those of the API at GROUNDWORK_URL, http://127.0.0.1:8080 unless it is set, asked with GROUNDWORK_TOKEN or
GROUNDWORK_API_KEY; the local cloud with its own operator.

PLACE is a folder with a copy of the log; the URL of one, like http://127.0.0.1:8080/api/v1/audit; or the bucket that it
is exported to, s3://BUCKET. A URL is read with an operator's GROUNDWORK_TOKEN or GROUNDWORK_API_KEY, the local cloud's
with its own operator; a bucket with the AWS_ variables below. VKEY is the log's verifier key: without it, the one that
lies beside the log is believed. They end with 0 when the log is intact, 1 when it was tampered with, 2 when it cannot
be read and 73 when the copy cannot be written.

The others read the variables of the identity function (IDENTITY_TABLE, APP_KEYS_SECRET and so on, as
`aws lambda get-function-configuration` shows them; `admin secret` those of access), AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and, for an emulator, AWS_ENDPOINT_URL.

They end with 0 when it is done, 1 when the stack refuses it, 64 when the command is not one of
these, 75 when AWS does not answer (try again) and 78 when a variable is missing or wrong.
";

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such command.
    #[error("{0}; `groundwork help` names the commands")]
    Usage(String),
    /// The stack is in a state that does not allow it.
    #[error("{0}")]
    Refused(String),
    /// A log is not what was signed.
    #[error("{0}")]
    Tampered(String),
    /// A log cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A copy cannot be written.
    #[error("{0}")]
    Unwritable(String),
    /// A variable is wrong, or AWS does not answer.
    #[error("{}", with_cause(.0))]
    Boot(#[from] BootError),
    /// What was to be told cannot be told.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code: those of sysexits.h, and 1 for what the stack refuses.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Refused(_) | Self::Tampered(_) => 1,
            Self::Unreadable(_) => 2,
            Self::Unwritable(_) => 73,
            Self::Boot(error) => error.exit_code(),
            Self::Output(_) => 74,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Boot(error.into())
    }
}

/// An operator has no log to look the cause up in.
fn with_cause(error: &BootError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Carries out a command; `boot` is asked only by one that needs AWS.
///
/// # Errors
/// [`Failure`]; then nothing that was printed counts.
pub async fn run(
    arguments: &[String],
    boot: impl FnOnce() -> Result<Boot, ConfigError>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["operator", "create", email] => operator::create(email, boot, out).await,
        ["operator", "create"] => Err(Failure::Usage("operator create wants an e-mail address".into())),
        ["admin", "secret"] => admin::replace(boot()?, out).await,
        ["jwks", "print"] => keys::run(Command::Print, boot()?, out).await,
        ["keys", "status"] => keys::run(Command::Status, boot()?, out).await,
        ["keys", "rotate"] => keys::run(Command::Rotate, boot()?, out).await,
        ["keys", "revoke", kid] => keys::run(Command::Revoke(kid), boot()?, out).await,
        ["keys", "revoke"] => Err(Failure::Usage("keys revoke wants a key's id".into())),
        ["keys", "import", path] => keys::run(Command::Import(path), boot()?, out).await,
        ["keys", "import"] => Err(Failure::Usage("keys import wants a file".into())),
        ["audit", command @ ..] => audit::run(command, boot, out),
        ["jobs", command @ ..] => jobs::run(command, &Vars::from_process(), out),
        ["help" | "--help" | "-h"] => Ok(out.write_all(HELP.as_bytes())?),
        [] => Err(Failure::Usage("there is no command".into())),
        other => Err(Failure::Usage(format!("`{}` is no command", other.join(" ")))),
    }
}
