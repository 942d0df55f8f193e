//! Imports run one way: `kernel <- tlog <- store <- platform <- functions/* <- localstack, cli`.

use xtask::{
    Result,
    workspace::{Package, Workspace},
};

use super::assert_none;

/// The rooms a room may stand on. `functions/*` stands for every function.
const ROOMS: [(&str, &[&str]); 13] = [
    ("shared/kernel", &[]),
    ("shared/tlog", &["shared/kernel"]),
    ("shared/store", &["shared/kernel", "shared/tlog"]),
    ("shared/platform", &["shared/kernel", "shared/store"]),
    ("shared/testkit", &["shared/kernel", "shared/store", "shared/platform", "localstack/cloud"]),
    ("functions/*", &["shared/kernel", "shared/tlog", "shared/store", "shared/platform"]),
    ("localstack/cloud", &[]),
    ("localstack", &["shared/kernel", "shared/store", "shared/platform", "localstack/cloud", "functions/*"]),
    ("cli", &["shared/kernel", "shared/tlog", "shared/platform", "functions/*"]),
    ("xtask", &["localstack", "localstack/cloud"]),
    (
        "xtask/load",
        &[
            "shared/kernel",
            "shared/tlog",
            "shared/store",
            "shared/platform",
            "functions/*",
            "localstack",
            "localstack/cloud",
        ],
    ),
    ("xtask/hello", &[]),
    ("xtask/verify", &["shared/kernel", "shared/platform"]),
];

/// What tests of any room may use besides. A function's tests never use another function.
const FOR_TESTS: [&str; 2] = ["shared/testkit", "localstack/cloud"];

#[test]
fn imports_run_one_way() -> Result<()> {
    let workspace = Workspace::load()?;
    let mut breaches = Vec::new();
    for package in &workspace.packages {
        let room = room_of(&package.folder);
        // The whole-system tests look at everything.
        if room == "tests" {
            continue;
        }
        let Some((_, below)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            breaches
                .push(format!("{room}: a room nobody has placed; add it to ROOMS in tests/tidy/rooms.rs"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.ours) {
            let other = folder_of(&workspace, &dependency.name);
            let allowed = below.contains(&room_of(other)) || (dependency.dev && FOR_TESTS.contains(&other));
            if !allowed && other != package.folder {
                breaches.push(format!(
                    "{}/Cargo.toml depends on {other}: move what both need down into shared/",
                    package.folder
                ));
            }
        }
    }
    assert_none("imports run kernel <- store <- platform <- functions/* <- localstack", &breaches);
    Ok(())
}

#[test]
fn packages_are_called_like_their_folders() -> Result<()> {
    let workspace = Workspace::load()?;
    let breaches: Vec<String> = workspace
        .packages
        .iter()
        .filter(|package| package.folder.rsplit('/').next() != Some(&package.name))
        .map(|package| {
            format!("{}/Cargo.toml: name = \"{}\"; give both one name", package.folder, package.name)
        })
        .collect();
    assert_none("a package is called like its folder", &breaches);
    Ok(())
}

#[test]
fn binaries_have_names_of_their_own() -> Result<()> {
    let workspace = Workspace::load()?;
    let owner = |package: &Package| {
        package.binaries.iter().map(|name| (name.clone(), package.folder.clone())).collect::<Vec<_>>()
    };
    let mut binaries: Vec<(String, String)> = workspace.packages.iter().flat_map(owner).collect();
    assert!(!binaries.is_empty(), "Cargo names no binary");
    binaries.sort();
    let breaches: Vec<String> = binaries
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| format!("{} is a binary of {} and of {}: rename one", pair[0].0, pair[0].1, pair[1].1))
        .collect();
    assert_none("a bootstrap is found by its name, so names are unique", &breaches);
    Ok(())
}

fn folder_of<'a>(workspace: &'a Workspace, name: &str) -> &'a str {
    let package = workspace.packages.iter().find(|package| package.name == name);
    package.map_or("", |package| &package.folder)
}

/// All functions are one room: none stands on another.
fn room_of(folder: &str) -> &str {
    if folder.starts_with("functions/") { "functions/*" } else { folder }
}
