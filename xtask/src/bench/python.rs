//! The yardstick from elsewhere: the same little done by `FastAPI`, Mangum and boto3.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::coldstart::Subject;
use crate::{Result, workspace};

/// The function's sources.
const FOLDER: &str = "tests/load/python_function";

/// The function, with its packages installed beside Cargo's artifacts the first time.
pub(super) fn subject(target: &Path) -> Result<Subject> {
    let folder = workspace::root().join(FOLDER);
    let requirements = folder.join("requirements.txt");
    let venv = target.join("python-function");
    install(&venv, &requirements, &[])?;
    Ok(Subject {
        name: "python".to_owned(),
        binary: folder.join("bootstrap"),
        event: fs::read(workspace::root().join("events/ops.json"))?,
        environment: vec![
            ("PYTHON".to_owned(), venv.join("bin/python").to_string_lossy().into_owned()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ],
        is_ours: false,
    })
}

/// An environment with what a list names; made again when the list changes.
pub(super) fn install(venv: &Path, requirements: &Path, options: &[&str]) -> Result<()> {
    let installed = venv.join("requirements.txt");
    if fs::read(&installed).ok() == fs::read(requirements).ok() {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(options);
    run(pip.arg("-r").arg(requirements))?;
    fs::copy(requirements, installed)?;
    Ok(())
}

/// What it is made of: its packages, without the installer.
pub(super) fn installed_bytes(target: &Path) -> Result<u64> {
    let lib = target.join("python-function/lib");
    let packages = fs::read_dir(lib)?.next().ok_or("the Python function is not installed")??;
    let entries = fs::read_dir(packages.path().join("site-packages"))?;
    entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with("pip"))
        .map(|entry| bytes_below(entry.path()))
        .sum()
}

fn bytes_below(path: PathBuf) -> Result<u64> {
    let metadata = fs::symlink_metadata(&path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    fs::read_dir(path)?.map(|entry| bytes_below(entry?.path())).sum()
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}
