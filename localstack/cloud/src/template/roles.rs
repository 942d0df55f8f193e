//! Roles: what their policies allow.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::Result;
use super::names::{self, Declared};
use super::read::At;

/// What a role's inline policies say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

impl Policy {
    /// Whether a role with this policy may do `action` (`dynamodb:GetItem`) to `resource` (an ARN): something allows
    /// it and nothing denies it.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        let mut matching = self.statements.iter().filter(|s| s.covers(action, resource)).peekable();
        matching.peek().is_some() && matching.all(|s| s.allows)
    }

    /// The pairs of [`grants`](Self::grants) that cover an action on a resource.
    pub(crate) fn granting(&self, action: &str, resource: &str) -> Vec<(String, String)> {
        let covers = |(a, r): &(String, String)| {
            matches(&a.to_ascii_lowercase(), &action.to_ascii_lowercase()) && matches(r, resource)
        };
        self.grants().into_iter().filter(covers).collect()
    }

    /// Every pair of an action and a resource that it allows, as written.
    pub fn grants(&self) -> BTreeSet<(String, String)> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        allowing
            .flat_map(|s| s.actions.iter().flat_map(|a| s.resources.iter().map(|r| (a.clone(), r.clone()))))
            .collect()
    }
}

impl Statement {
    fn covers(&self, action: &str, resource: &str) -> bool {
        // Actions are compared without case, resources with it.
        let action = action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self.resources.iter().any(|pattern| matches(pattern, resource))
    }
}

/// IAM's wildcards: `*` for any run of characters, `?` for any one.
fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..])),
        _ => text
            .chars()
            .next()
            .is_some_and(|c| (first == '?' || first == c) && matches(rest, &text[c.len_utf8()..])),
    }
}

/// A role's ARN and what it allows.
pub(super) fn role(place: Declared<'_>, name: &str, properties: &Value) -> Result<(String, Policy)> {
    let at = At::new(format!("Resources.{}.Properties", place.id), properties);
    let mut policy = Policy::default();
    for inline in at.get("Policies").items() {
        let statements = inline.get("PolicyDocument").get("Statement");
        for statement in one_or_many(&statements) {
            policy.statements.push(self::statement(&statement)?);
        }
    }
    Ok((names::role_arn(name), policy))
}

fn statement(at: &At<'_>) -> Result<Statement> {
    for unread in ["Condition", "NotAction", "NotResource"] {
        if at.get(unread).exists() {
            return Err(at.get(unread).error(
                "the local cloud does not evaluate it, and would allow more or less than AWS",
                "name the actions and resources themselves",
            ));
        }
    }
    let effect = at.get("Effect");
    let allows = match effect.text()?.as_str() {
        "Allow" => true,
        "Deny" => false,
        other => return Err(effect.error(format!("`{other}` is unknown"), "use Allow or Deny")),
    };
    Ok(Statement { allows, actions: texts(&at.get("Action"))?, resources: texts(&at.get("Resource"))? })
}

fn texts(at: &At<'_>) -> Result<Vec<String>> {
    one_or_many(at).iter().map(At::text).collect()
}

fn one_or_many<'v>(at: &At<'v>) -> Vec<At<'v>> {
    if at.value.is_array() { at.items() } else { vec![at.clone()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &[(bool, &str, &str)]) -> Policy {
        let statements = statements.iter().map(|(allows, action, resource)| Statement {
            allows: *allows,
            actions: vec![(*action).to_owned()],
            resources: vec![(*resource).to_owned()],
        });
        Policy { statements: statements.collect() }
    }

    #[test]
    fn nothing_is_allowed_unless_said_and_a_denial_wins() {
        let table = "arn:aws:dynamodb:us-east-1:1:table/a";
        for (statements, is_allowed) in [
            (&[][..], false),
            (&[(true, "dynamodb:GetItem", table)], true),
            (&[(true, "DynamoDB:getitem", table)], true),
            (&[(true, "dynamodb:PutItem", table)], false),
            (&[(true, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:1:table/ab")], false),
            (&[(true, "dynamodb:Get*", "arn:aws:dynamodb:*:table/?")], true),
            (&[(true, "*", "*"), (false, "dynamodb:GetItem", table)], false),
            (&[(false, "dynamodb:PutItem", table), (true, "*", "*")], true),
        ] {
            assert_eq!(policy(statements).allows("dynamodb:GetItem", table), is_allowed, "{statements:?}");
        }
    }
}
