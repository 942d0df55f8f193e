//! One OpenAPI document out of the groups' own.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

use super::Group;
use crate::Result;

/// The merged document as it is committed: indented, with a newline at its end.
pub(super) fn merged(groups: &[Group]) -> Result<String> {
    refuse_conflicts(groups)?;
    let info = InfoBuilder::new()
        .title("Groundwork")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Errors are RFC 9457 problems; lists are paged by opaque cursors; ids are UUIDv7."))
        .build();
    let mut document: OpenApi = OpenApiBuilder::new().info(info).build();
    for group in groups {
        document.merge(group.document.clone());
        // utoipa leaves these out of a merge.
        if let Some((ours, theirs)) = document.components.as_mut().zip(group.document.components.clone()) {
            ours.headers.extend(theirs.headers);
            ours.examples.extend(theirs.examples);
        }
    }
    Ok(in_order(&document.to_pretty_json()?))
}

/// Sorts the extensions that stand together: utoipa keeps them in a hash map, which writes them anew each time. Their
/// values are scalars, so each is one line.
fn in_order(document: &str) -> String {
    let is_extension = |line: &&str| line.trim_start().starts_with("\"x-");
    let lines: Vec<&str> = document.lines().collect();
    let mut out = String::with_capacity(document.len() + 1);
    for together in lines.chunk_by(|one, next| is_extension(one) && is_extension(next)) {
        let ends_with_comma = together.last().is_some_and(|line| line.ends_with(','));
        let mut sorted: Vec<&str> = together.iter().map(|line| line.trim_end_matches(',')).collect();
        sorted.sort_unstable();
        out += &sorted.join(",\n");
        out += if ends_with_comma { ",\n" } else { "\n" };
    }
    out
}

/// utoipa keeps the first of two components of one name, without a word: say it instead.
fn refuse_conflicts(groups: &[Group]) -> Result<()> {
    let mut components: BTreeMap<String, (Value, &str)> = BTreeMap::new();
    let mut operations: BTreeMap<String, &str> = BTreeMap::new();
    for Group { function, document } in groups {
        let document = serde_json::to_value(document)?;
        for (kind, named) in entries(&document["components"]) {
            for (name, component) in entries(named) {
                let seen = components
                    .entry(format!("{kind}/{name}"))
                    .or_insert_with(|| (component.clone(), function));
                if seen.0 != *component {
                    let other = seen.1;
                    return Err(format!(
                        "{kind}/{name} of {function} differs from that of {other}: rename one of them"
                    )
                    .into());
                }
            }
        }
        for operation in entries(&document["paths"]).flat_map(|(_, path)| entries(path)) {
            let Some(id) = operation.1["operationId"].as_str() else {
                continue;
            };
            if let Some(other) = operations.insert(id.to_owned(), function) {
                return Err(format!(
                    "the operation {id} stands in {function} and in {other}: rename one handler"
                )
                .into());
            }
        }
    }
    Ok(())
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{group, groups};
    use super::*;

    #[test]
    fn groups_become_one_document() {
        insta::assert_snapshot!(merged(&groups()).unwrap());
    }

    #[test]
    fn extensions_that_stand_together_are_in_order() {
        for (wild, tame) in [
            ("{\n \"x-b\": 1,\n \"x-a\": 2\n}", "{\n \"x-a\": 2,\n \"x-b\": 1\n}\n"),
            ("{\n \"x-b\": 1,\n \"x-a\": 2,\n \"c\": 3\n}", "{\n \"x-a\": 2,\n \"x-b\": 1,\n \"c\": 3\n}\n"),
            ("{\n \"x-b\": 1,\n \"a\": 2\n}", "{\n \"x-b\": 1,\n \"a\": 2\n}\n"),
        ] {
            assert_eq!(in_order(wild), tame);
        }
    }

    #[test]
    fn two_schemas_of_one_name_are_refused() {
        let schema = |kind: &str| {
            json!({
                "openapi": "3.1.0",
                "info": { "title": "x", "version": "0" },
                "paths": {},
                "components": { "schemas": { "Status": { "type": kind } } }
            })
        };
        let groups = [group("AFunction", schema("string")), group("BFunction", schema("integer"))];
        let error = merged(&groups).unwrap_err().to_string();
        assert_eq!(error, "schemas/Status of BFunction differs from that of AFunction: rename one of them");
    }

    #[test]
    fn two_operations_of_one_name_are_refused() {
        let document = |path: &str| {
            json!({
                "openapi": "3.1.0",
                "info": { "title": "x", "version": "0" },
                "paths": { path: { "get": { "operationId": "list", "responses": {} } } }
            })
        };
        let groups = [group("AFunction", document("/a")), group("BFunction", document("/b"))];
        let error = merged(&groups).unwrap_err().to_string();
        assert_eq!(error, "the operation list stands in BFunction and in AFunction: rename one handler");
    }
}
