//! The workspace as Cargo describes it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::Result;

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).map(Path::to_owned).unwrap_or_default()
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name in `Cargo.toml`.
    pub name: String,
    /// Its folder, relative to the root, with `/` between the parts.
    pub folder: String,
    /// Its binaries' names.
    pub binaries: Vec<String>,
    /// Everything it depends on.
    pub dependencies: Vec<Dependency>,
}

/// One line under `[dependencies]`, `[build-dependencies]` or `[dev-dependencies]`.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Only for its tests.
    pub dev: bool,
    /// A member of this workspace, not a crate from the registry.
    pub ours: bool,
}

/// All members, from `cargo metadata`.
#[derive(Debug)]
pub struct Workspace {
    /// The members, in Cargo.toml's order.
    pub packages: Vec<Package>,
    /// Where Cargo builds.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks Cargo; needs no network.
    pub fn load() -> Result<Self> {
        let output = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"])?;
        let metadata: Value = serde_json::from_str(&output)?;
        let root = root();
        let packages =
            array(&metadata["packages"]).iter().map(|package| Package::read(package, &root)).collect();
        Ok(Self { packages, target: text(&metadata["target_directory"]).into() })
    }

    /// The packages under `functions/`.
    pub fn functions(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.folder.starts_with("functions/"))
    }
}

impl Package {
    fn read(package: &Value, root: &Path) -> Self {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().unwrap_or(root);
        let binaries = array(&package["targets"])
            .iter()
            .filter(|target| array(&target["kind"]).iter().any(|kind| kind == "bin"))
            .map(|target| text(&target["name"]).to_owned())
            .collect();
        let dependencies = array(&package["dependencies"])
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]).to_owned(),
                dev: dependency["kind"] == "dev",
                ours: dependency["path"].is_string(),
            })
            .collect();
        Self {
            name: text(&package["name"]).to_owned(),
            folder: folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/"),
            binaries,
            dependencies,
        }
    }
}

/// Runs the Cargo that started this process, in the workspace's root; answers what it printed.
pub fn cargo(arguments: &[&str]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo {} failed: {reason}", arguments.join(" ")).into())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
