//! Builds what is measured.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{Result, workspace};

/// Builds the release binaries of `packages`, and of nothing else: a build of the whole workspace would turn on
/// the features its development tools ask for in the functions too.
pub(super) fn release(packages: &[&str]) -> Result<()> {
    build(&["--release", "--bins"], packages)
}

/// Builds a program that does not run on Lambda, for speed.
pub(super) fn fast(package: &str, target: &[&str]) -> Result<()> {
    build(&[&["--profile", "fast"], target].concat(), &[package])
}

/// Builds a package's test binary for speed; where it is.
pub(super) fn fast_tests(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo("test");
    command.args(["--profile", "fast", "--no-run", "--message-format", "json-render-diagnostics"]);
    let output = command.args(["--package", package, "--test", name]).stderr(Stdio::inherit()).output()?;
    let told = String::from_utf8(output.stdout)?;
    let built =
        told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let is_it = message["target"]["name"] == name && message["target"]["kind"][0] == "test";
            message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
        });
    built
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("cannot build the tests of {package}").into())
}

fn build(options: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = cargo("build");
    command.args(options);
    for package in packages {
        command.args(["--package", package]);
    }
    if command.status()?.success() {
        return Ok(());
    }
    Err(format!("cannot build {}", packages.join(", ")).into())
}

fn cargo(what: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).arg(what);
    // `cargo run` describes this very package in its environment. ring's build script looks at those variables: left
    // there, each run of the bench would build ring anew, and everything above it.
    let described = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| described(name)) {
        command.env_remove(name);
    }
    command
}

/// Where Cargo left a release binary.
pub(super) fn binary(target: &Path, name: &str) -> PathBuf {
    target.join("release").join(name)
}

/// The size of the package as it is uploaded: `bootstrap` alone in a zip.
pub(super) fn zipped_size(binary: &Path) -> Result<u64> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&fs::read(binary)?)?;
    Ok(zip.finish()?.into_inner().len() as u64)
}
