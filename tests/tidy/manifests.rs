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
    let mut breaches = Vec::new();
    let mut left: BTreeSet<String> = file_names("events", ".json")?;
    for package in workspace.functions() {
        let tests = read_all(&format!("{}/tests/api", package.folder))?;
        for binary in &package.binaries {
            let name = format!("{binary}.json");
            if !left.remove(&name) {
                breaches
                    .push(format!("events/{name} is missing; {} wants one real event there", package.folder));
            } else if !tests.contains(&format!("events/{name}\"")) {
                breaches.push(format!("events/{name}: no test in {}/tests/api replays it", package.folder));
            }
        }
    }
    breaches.extend(left.iter().map(|name| format!("events/{name}: no function has this name; drop it")));
    assert_none("every Lambda has an event, replayed by its tests and by the bench", &breaches);
    Ok(())
}

/// The names in a folder that end so.
fn file_names(folder: &str, end: &str) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(workspace::root().join(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Result<BTreeSet<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| name.ends_with(end)).collect())
}

/// All sources of a folder, one after the other.
fn read_all(folder: &str) -> Result<String> {
    let mut text = String::new();
    for name in file_names(folder, ".rs")? {
        text += &fs::read_to_string(workspace::root().join(folder).join(name))?;
    }
    Ok(text)
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
    for room in ["kernel", "tlog", "store", "platform", "testkit"] {
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
