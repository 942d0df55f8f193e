//! What is written down beside the code.

use std::fs;

use xtask::{Result, sync, workspace};

use super::{assert_none, source};

/// One runs it, one proves it.
const COMMANDS: [&str; 2] = ["cargo run", "cargo test --workspace"];
/// Behind it the README goes on with curl.
const TOUR: &str = "## A five-minute tour";

#[test]
fn generated_files_are_up_to_date() -> Result<()> {
    let files = sync::generated()?;
    let stale: Vec<String> = files.iter().filter_map(sync::Generated::difference).collect();
    assert_none("a route is written once: run `cargo xtask sync`", &stale);
    Ok(())
}

#[test]
fn the_readme_needs_two_commands() -> Result<()> {
    let readme = fs::read_to_string(workspace::root().join("README.md"))
        .map_err(|error| format!("README.md: {error}"))?;
    let (before, _) = readme.split_once(TOUR).ok_or(format!("README.md: the heading `{TOUR}` is missing"))?;
    let commands = shell_lines(before);
    assert_eq!(commands, COMMANDS, "README.md: before the tour stand exactly these two commands");
    Ok(())
}

#[test]
fn every_threat_names_a_test_that_exists() -> Result<()> {
    let model = fs::read_to_string(workspace::root().join("docs/threat-model.md"))?;
    let sources = source::all()?;
    let mut breaches = Vec::new();
    for row in model.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")) {
        let named: Vec<&str> =
            row.trim_end_matches(" |").rsplit('|').next().unwrap_or_default().split('`').collect();
        // What stands between backticks is every second part.
        let named: Vec<&str> = named.into_iter().skip(1).step_by(2).collect();
        if named.is_empty() {
            breaches.push(format!("docs/threat-model.md: no test holds `{row}`"));
        }
        let unknown = named.into_iter().filter(|name| {
            let head = format!("fn {name}(");
            !sources.iter().any(|source| source.code.contains(&head))
        });
        breaches.extend(unknown.map(|name| format!("docs/threat-model.md: there is no test {name}")));
    }
    assert!(model.lines().filter(|line| line.starts_with("| ")).count() > 30, "the tables are read");
    assert_none("each threat names the test that holds it", &breaches);
    Ok(())
}

/// The lines of the fenced shell blocks, without comments.
fn shell_lines(markdown: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in markdown.lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            lines.push(line.split(" #").next().unwrap_or(line).trim());
        }
    }
    lines
}

#[test]
fn only_shell_blocks_are_commands() {
    let markdown = "x\n```sh\ncargo run # starts it\n# a remark\n```\n```json\n{}\n```\n";
    assert_eq!(shell_lines(markdown), ["cargo run"]);
}

#[test]
fn the_public_routes_are_a_committed_list() -> Result<()> {
    let root = workspace::root();
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root.join("openapi/openapi.json"))?)?;
    let mut public = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if operation["x-permission"] == "public" {
                public.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    public.sort();
    let committed = fs::read_to_string(root.join("openapi/public-routes.txt"))?;
    let committed: Vec<&str> = committed.lines().collect();
    assert_eq!(
        committed, public,
        "openapi/public-routes.txt: a route that anybody may call is decided on, here"
    );
    Ok(())
}

/// What changes something is tried, cut off anywhere, and found in the audit log: `testkit::trail`.
#[test]
fn every_group_that_changes_something_has_its_trail_tried() -> Result<()> {
    let mut breaches = Vec::new();
    for group in localstack::functions::HTTP_GROUPS {
        let name = group.function.trim_end_matches("Function").to_lowercase();
        let document = serde_json::to_value((group.openapi)())?;
        let test = workspace::root().join(format!("functions/{name}/tests/api/trail.rs"));
        if !testkit::trail::changing(&document).is_empty() && !test.exists() {
            breaches.push(format!(
                "functions/{name}/tests/api/trail.rs: it is not there; write it as identity's is"
            ));
        }
    }
    assert_none("what changes something leaves its entry", &breaches);
    Ok(())
}

#[test]
fn every_operation_names_its_permission() -> Result<()> {
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(workspace::root().join("openapi/openapi.json"))?)?;
    let mut silent = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if !operation["x-permission"].is_string() {
                silent.push(format!("{method} {path}: add `extensions((\"x-permission\" = json!(…)))`"));
            }
        }
    }
    assert_none("every route names its permission, or `public`", &silent);
    Ok(())
}
