//! The keys that sign tokens: who looks at them, rotates, revokes or brings one along.

use std::{io::Write, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use identity::signing::{Vault, operation, rotation};
use kernel::Error;
use platform::{Boot, BootError, config::Reader, secrets::CURRENT};
use serde::Serialize;

use crate::Failure;

/// How often it is looked whether a rotation is over, and how often at most: a minute in all.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS_MAX: usize = 120;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    /// `jwks print`
    Print,
    /// `keys status`
    Status,
    /// `keys rotate`
    Rotate,
    /// `keys revoke KID`
    Revoke(&'a str),
    /// `keys import FILE`
    Import(&'a str),
}

/// Does it, and prints one JSON document.
pub(crate) async fn run(command: Command<'_>, boot: Boot, out: &mut impl Write) -> Result<(), Failure> {
    let mut env = Reader::of(&boot.vars, &rotation::NEEDS);
    let vault = rotation::read_vault(&mut env, &boot);
    let vault = env.finish(|| vault)?;
    match command {
        Command::Print => print(&operation::jwks(&vault).await.map_err(refused)?, out),
        Command::Status => status(&vault, out).await,
        Command::Rotate => {
            let version = operation::rotate(&vault).await.map_err(refused)?;
            wait(&vault, &version).await?;
            status(&vault, out).await
        }
        Command::Revoke(kid) => {
            operation::revoke(&vault, kid).await.map_err(refused)?;
            status(&vault, out).await
        }
        Command::Import(path) => {
            operation::import(&vault, &read_pkcs8(path)?).await.map_err(refused)?;
            status(&vault, out).await
        }
    }
}

async fn status(vault: &Vault, out: &mut impl Write) -> Result<(), Failure> {
    print(&operation::status(vault).await.map_err(refused)?, out)
}

fn print(view: &impl Serialize, out: &mut impl Write) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(view).map_err(std::io::Error::from)?;
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Until the rotation's version is in use.
async fn wait(vault: &Vault, version: &str) -> Result<(), Failure> {
    for _ in 0..LOOKS_MAX {
        if vault.has_label(version, CURRENT).await.map_err(refused)? {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let late = "the rotation is not over after a minute; the log of identity-key-rotation says why";
    Err(Failure::Refused(late.into()))
}

/// A private key as PEM (RFC 7468) or DER.
fn read_pkcs8(path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(bytes) };
    let body =
        text.split_once("-----BEGIN PRIVATE KEY-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let body = body.map(|(body, _)| body.split_whitespace().collect::<String>());
    let no_key =
        || Failure::Usage(format!("{path}: write it as PKCS #8: openssl pkcs8 -topk8 -nocrypt -in {path}"));
    STANDARD.decode(body.ok_or_else(no_key)?).map_err(|_| no_key())
}

/// What the state does not allow is told as it is; everything else is the environment's.
fn refused(error: Error) -> Failure {
    match error {
        Error::Conflict { detail, .. } => Failure::Refused(detail.into_owned()),
        Error::Internal { what: "read a signing key", cause } => {
            Failure::Refused(format!("it is no RSA key of 2048 to 4096 bits: {cause}"))
        }
        error => BootError::from(error).into(),
    }
}
