//! How long it takes to verify a log, and how much memory.

use std::{fs, process::Command, time::Instant};

use serde_json::{Value, json};
use tlog::{Folder, SigningKey, VerifierKey, sample, verify as check};

use crate::Result;

/// The variable that tells the child where the log is.
const FOLDER: &str = "AUDITLOAD_FOLDER";

/// Writes a log of so many entries, and verifies it in a process of its own, whose memory is only that.
pub(crate) fn verify(count: u64) -> Result<Value> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return measured(&folder.to_string_lossy());
    }
    let folder = tempfile::tempdir()?;
    let key = SigningKey::new("example.com/log", &[1; 32])?;
    fs::write(folder.path().join("vkey"), key.verifier().to_string())?;
    sample::write(folder.path(), count, key)?;
    let child =
        Command::new(std::env::current_exe()?).args(["verify", "0"]).env(FOLDER, folder.path()).output()?;
    Ok(serde_json::from_slice(&child.stdout)?)
}

fn measured(folder: &str) -> Result<Value> {
    let key: VerifierKey = fs::read_to_string(format!("{folder}/vkey"))?.parse()?;
    let start = Instant::now();
    let report = check(&Folder::new(folder), &[key], None, &[])?;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak: u64 = peak.ok_or("the system tells no VmHWM")?.trim().parse()?;
    Ok(json!({ "entries": report.checkpoint.size, "seconds": seconds, "peak_megabytes": peak / 1024 }))
}
