//! `cargo xtask bench verify`: what verifying a token costs, beside the bare signature and beside `PyJWT`.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{Options, build, python};
use crate::{Result, workspace, workspace::Workspace};

/// The package that verifies.
const VERIFY: &str = "verify";
/// At least this part of ring's bare Ed25519 verifications.
const OF_RING_MIN: f64 = 0.9;
/// At least as many times as `PyJWT`.
const OF_PYJWT_MIN: f64 = 3.0;

/// Builds, measures, prints; with `--check` fails beyond the limits.
pub fn verify(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    build::release(&[VERIFY])?;
    let ran = Command::new(build::binary(&workspace.target, VERIFY)).output()?;
    let told: Value = serde_json::from_slice(&ran.stdout)?;
    let ring = told["ring_ns"].as_f64().ok_or("it tells no ring_ns")?;
    let whole = told["whole_ns"].as_f64().ok_or("it tells no whole_ns")?;
    let pyjwt = pyjwt(&workspace.target, &told)?;
    println!("verifying an access token, warm, on one core");
    for (name, nanoseconds) in
        [("ring, the signature", ring), ("ours, whole", whole), ("PyJWT, whole", pyjwt)]
    {
        println!("{name:<20} {:>8.1} µs {:>8.0}/s", nanoseconds / 1e3, 1e9 / nanoseconds);
    }
    let limits = [("ring's", ring / whole, OF_RING_MIN), ("PyJWT's", pyjwt / whole, OF_PYJWT_MIN)];
    for (yardstick, ratio, least) in limits {
        println!("{ratio:.2} x {yardstick}, at least {least}");
    }
    match limits.iter().find(|(_, ratio, least)| ratio < least) {
        Some((yardstick, ..)) if options.check => Err(format!("too slow beside {yardstick}").into()),
        _ => Ok(()),
    }
}

/// `PyJWT` with the same token, in nanoseconds.
fn pyjwt(target: &Path, told: &Value) -> Result<f64> {
    let venv = target.join("python-interop");
    python::install(&venv, &workspace::root().join("tests/interop/requirements.txt"), &["--no-deps"])?;
    let mut python = Command::new(venv.join("bin/python"))
        .arg(workspace::root().join("tests/load/verify_pyjwt.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    python.stdin.take().ok_or("no standard input")?.write_all(told.to_string().as_bytes())?;
    let output = python.wait_with_output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
