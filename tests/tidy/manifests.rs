//! What the manifests promise.

use std::{collections::BTreeSet, fs};

use cloud::Template;
use xtask::{
    Result,
    workspace::{self, Workspace},
};

use super::assert_none;

#[test]
fn every_dependency_says_why() -> Result<()> {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let breaches = unexplained(&manifest);
    assert_none("a dependency is a decision: its reason stands on its line or above it", &breaches);
    Ok(())
}

/// Our own rooms explain themselves; a heading (`# -- …`) explains no single line.
fn unexplained(manifest: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut section = "";
    let mut above = "";
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
        }
        let explained = line.contains(" # ") || (above.starts_with("# ") && !above.starts_with("# --"));
        let dependency = section == "[workspace.dependencies]" && line.starts_with(char::is_alphanumeric);
        if dependency && !explained && !line.contains("path = ") {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            breaches.push(format!("Cargo.toml:{}: {name}: add `# what it is for`", number + 1));
        }
        above = line;
    }
    breaches
}

#[test]
fn every_member_inherits_the_lints() -> Result<()> {
    let mut breaches = Vec::new();
    for package in Workspace::load()?.packages {
        let path = format!("{}/Cargo.toml", package.folder);
        let manifest = fs::read_to_string(workspace::root().join(&path))?;
        if !manifest.contains("\n[lints]\nworkspace = true\n") {
            breaches.push(format!("{path}: add `[lints]` and `workspace = true`"));
        }
    }
    assert_none("one set of lints for every room", &breaches);
    Ok(())
}

#[test]
fn every_lambda_has_an_event() -> Result<()> {
    let workspace = Workspace::load()?;
    let root = workspace::root();
    let mut breaches = Vec::new();
    for package in workspace.functions() {
        for binary in &package.binaries {
            let path = format!("events/{binary}.json");
            let event = fs::read(root.join(&path)).map_err(|error| error.to_string());
            let event = event.and_then(|text| {
                serde_json::from_slice::<serde_json::Value>(&text).map_err(|error| error.to_string())
            });
            if let Err(error) = event {
                breaches.push(format!("{path}: {error}; {} wants one real event there", package.folder));
            }
        }
    }
    assert_none("every Lambda has an event, replayed by its tests and by the bench", &breaches);
    Ok(())
}

#[test]
fn every_lambda_is_deployed() -> Result<()> {
    let workspace = Workspace::load()?;
    let template = Template::of_workspace()?;
    let binaries: BTreeSet<&str> =
        workspace.functions().flat_map(|package| &package.binaries).map(String::as_str).collect();
    let deployed: BTreeSet<&str> =
        template.functions.iter().map(|function| function.binary.as_str()).collect();
    let missing = binaries.difference(&deployed).map(|binary| {
        format!("template.yaml: no function has `Binary: {binary}`; declare it or drop the binary")
    });
    let unknown = deployed.difference(&binaries).map(|binary| {
        format!("template.yaml: `Binary: {binary}` is built by no package under functions/; correct the name")
    });
    assert_none(
        "what is built is deployed, and the other way round",
        &missing.chain(unknown).collect::<Vec<_>>(),
    );
    Ok(())
}

#[test]
fn shared_rooms_document_what_they_offer() -> Result<()> {
    let mut breaches = Vec::new();
    for room in ["kernel", "store", "platform", "testkit"] {
        let path = format!("shared/{room}/src/lib.rs");
        if !fs::read_to_string(workspace::root().join(&path))?.contains("#![warn(missing_docs)]") {
            breaches.push(format!("{path}: add `#![warn(missing_docs)]`"));
        }
    }
    assert_none("public items of the shared rooms are documented", &breaches);
    Ok(())
}

#[test]
fn a_heading_explains_no_dependency() {
    let manifest = "[workspace.dependencies]\n# -- ground --\na = \"1\"\nb = \"1\" # for b\n# for c\nc = \"1\"\n[other]\nd = \"1\"\n";
    assert_eq!(unexplained(manifest), ["Cargo.toml:3: a: add `# what it is for`"]);
}
