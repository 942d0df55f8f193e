//! `cargo xtask sync`: writes what tests only compare. A route is written once, beside its handler; the merged
//! OpenAPI document and the routes in `template.yaml` follow from it.

mod openapi;
mod routes;

use std::{fs, path::Path};

use utoipa::openapi::OpenApi;

use crate::{Result, workspace};

/// The endpoints of one function.
#[derive(Clone)]
pub struct Group {
    /// The function's logical id in `template.yaml`.
    pub function: String,
    /// What its own router says of it.
    pub document: OpenApi,
}

/// A file that follows from the sources, as it is and as it should be.
#[derive(Debug)]
pub struct Generated {
    /// Relative to the workspace's root.
    pub path: &'static str,
    /// What stands there now; empty when there is no such file.
    pub found: String,
    /// What should stand there.
    pub wanted: String,
}

/// The merged OpenAPI document.
const OPENAPI: &str = "openapi/openapi.json";
/// Every type of jobs.
const JOB_TYPES: &str = "openapi/job-types.json";
/// The SAM template, of which only the lines between the markers are written.
const TEMPLATE: &str = "template.yaml";

/// Writes every generated file that is out of date.
pub fn write() -> Result<()> {
    for file in generated()? {
        if file.found == file.wanted {
            println!("{} is up to date", file.path);
        } else {
            fs::write(workspace::root().join(file.path), &file.wanted)?;
            println!("{} written", file.path);
        }
    }
    Ok(())
}

/// Fails when a generated file is out of date, and names the cure.
pub fn check() -> Result<()> {
    let stale: Vec<String> = generated()?.iter().filter_map(Generated::difference).collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nrun `cargo xtask sync`", stale.join("\n")).into())
}

/// Every file, from the functions as they are compiled into this program.
pub fn generated() -> Result<Vec<Generated>> {
    let (root, groups) = (workspace::root(), groups());
    let mut generated = from_groups(&root, &groups)?;
    generated.push(Generated {
        path: JOB_TYPES,
        found: fs::read_to_string(root.join(JOB_TYPES)).unwrap_or_default(),
        wanted: format!("{}\n", serde_json::to_string_pretty(&localstack::functions::job_types())?),
    });
    Ok(generated)
}

fn groups() -> Vec<Group> {
    let groups = localstack::functions::HTTP_GROUPS.iter();
    groups.map(|group| Group { function: group.function.to_owned(), document: (group.openapi)() }).collect()
}

fn from_groups(root: &Path, groups: &[Group]) -> Result<Vec<Generated>> {
    // A missing document is a first run; a missing template is a fault.
    let document = fs::read_to_string(root.join(OPENAPI)).unwrap_or_default();
    let template = fs::read_to_string(root.join(TEMPLATE)).map_err(|error| format!("{TEMPLATE}: {error}"))?;
    let wanted = routes::splice(&template, routes::ROUTES, &routes::render(groups)?)?;
    let wanted = routes::splice(&wanted, routes::THROTTLES, &routes::throttles(groups)?)?;
    Ok(vec![
        Generated { path: OPENAPI, found: document, wanted: openapi::merged(groups)? },
        Generated { path: TEMPLATE, found: template, wanted },
    ])
}

impl Generated {
    /// The first line that differs, or `None`.
    pub fn difference(&self) -> Option<String> {
        if self.found == self.wanted {
            return None;
        }
        let same = self.found.lines().zip(self.wanted.lines());
        let number = same.take_while(|(found, wanted)| found == wanted).count();
        let line = |text: &str| text.lines().nth(number).unwrap_or("(its end)").trim().to_owned();
        Some(format!(
            "{}:{} is out of date\n  found:  {}\n  wanted: {}",
            self.path,
            number + 1,
            line(&self.found),
            line(&self.wanted)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups with everything the generators tell apart.
    pub(super) fn groups() -> Vec<Group> {
        let accounts = serde_json::json!({
            "openapi": "3.1.0",
            "info": { "title": "accounts", "version": "0" },
            "paths": {
                "/api/v1/me": { "get": { "operationId": "me", "responses": {} } },
                "/api/v1/users/{id}": {
                    "get": { "operationId": "read_user", "responses": {} },
                    "patch": { "operationId": "update_user", "responses": {} }
                },
                "/api/v1/users/{id}/roles/{role}": {
                    "delete": { "operationId": "drop_role", "responses": {} }
                }
            },
            "components": { "schemas": { "Problem": { "type": "object" } } }
        });
        let chat = serde_json::json!({
            "openapi": "3.1.0",
            "info": { "title": "chat", "version": "0" },
            "paths": {
                "/api/v1/chat/stream": { "post": { "operationId": "chat", "x-stream": true, "responses": {} } }
            },
            "components": { "schemas": { "Problem": { "type": "object" }, "Turn": { "type": "string" } } }
        });
        vec![group("AccountsFunction", accounts), group("ChatFunction", chat)]
    }

    pub(super) fn group(function: &str, document: serde_json::Value) -> Group {
        Group { function: function.to_owned(), document: serde_json::from_value(document).unwrap() }
    }

    const BARE: &str = "Resources:\n      # <throttles>\n      # </throttles>\n      paths:\n        # <routes> written by `cargo xtask sync`\n        # </routes>\nOutputs: {}\n";

    #[test]
    fn writing_twice_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("openapi")).unwrap();
        fs::write(root.path().join(TEMPLATE), BARE).unwrap();
        let first = from_groups(root.path(), &groups()).unwrap();
        assert!(first.iter().all(|file| file.difference().is_some()));
        for file in first {
            fs::write(root.path().join(file.path), file.wanted).unwrap();
        }
        let second = from_groups(root.path(), &groups()).unwrap();
        assert!(second.iter().all(|file| file.difference().is_none()));
    }

    #[test]
    fn a_difference_names_file_line_and_both_sides() {
        let file = Generated { path: TEMPLATE, found: "a\nb\n".to_owned(), wanted: "a\nc\n".to_owned() };
        let difference = file.difference().unwrap();
        assert!(difference.starts_with("template.yaml:2 is out of date"), "{difference}");
        assert!(difference.contains("found:  b") && difference.contains("wanted: c"), "{difference}");
    }
}
