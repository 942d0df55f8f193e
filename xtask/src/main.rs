//! `cargo xtask <chore>`: see [`USAGE`].

#![allow(clippy::print_stderr, reason = "a command-line tool speaks through its output")]

use std::process::ExitCode;

use xtask::{Result, bench, sync};

const USAGE: &str = "\
cargo xtask sync [--check]
    Writes openapi/openapi.json and the routes in template.yaml from the functions' own documents.
    --check only compares.

cargo xtask bench audit [--check] [--long]
    The audit log: a minute of changes at more than a thousand a second and how soon each is in a checkpoint; two
    sequencers that are killed all the time; alterations at drawn places; a million entries verified.
    --long kills for ten minutes and alters a million times.

cargo xtask bench coldstart [--check] [--python] [--runs N] [FUNCTION...]
    Release bootstraps against a Lambda Runtime API on loopback, beside a bare lambda_http hello:
    spawn to first `next`, spawn to first response, peak memory, zip size.
    --check exits 1 when a limit is broken. --python puts a FastAPI function beside them that does as little.

cargo xtask bench warm [--check] [--invocations N]
    CPU time of one warm GET /api/v1/me with a valid token.

cargo xtask bench gateway [--check]
    Requests a second of GET /api/v1/me through the local gateway, limiter and all, beside FastAPI and SQLite.

cargo xtask bench jobs [--check]
    Jobs: ten thousand simulated worlds, a thousand relays killed between commit and message, jobs that do nothing
    beside Celery on Redis (needs redis-server), one tenant's job behind ten thousand of another's.

cargo xtask bench verify [--check]
    Verifying an access token, beside ring's bare signature and PyJWT with the same token.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["sync"] => sync::write(),
        ["sync", "--check"] => sync::check(),
        ["bench", "audit", options @ ..] => bench::audit(&bench::Options::parse(options)?),
        ["bench", "coldstart", options @ ..] => bench::coldstart(&bench::Options::parse(options)?),
        ["bench", "gateway", options @ ..] => bench::gateway(&bench::Options::parse(options)?),
        ["bench", "jobs", options @ ..] => bench::jobs(&bench::Options::parse(options)?),
        ["bench", "verify", options @ ..] => bench::verify(&bench::Options::parse(options)?),
        ["bench", "warm", options @ ..] => bench::warm(&bench::Options::parse(options)?),
        _ => Err(format!("unknown chore\n\n{USAGE}").into()),
    }
}
