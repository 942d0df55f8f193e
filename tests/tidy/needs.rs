//! What a function says it needs, and what the template gives it.

use std::{collections::BTreeSet, fs};

use cloud::{
    Template,
    template::{self, Event, Function},
};
use localstack::functions;
use xtask::{Result, workspace};

use super::assert_none;

/// What API Gateway, Lambda and this deployment tell every function.
const FOR_ALL: [&str; 1] = ["LOG_LEVEL"];

#[test]
fn a_function_is_given_the_variables_it_needs() -> Result<()> {
    let mut breaches = Vec::new();
    for (function, needs) in declared()? {
        let id = &function.logical_id;
        let needed: BTreeSet<&str> = needs.variables().collect();
        let given = function.environment.keys().map(String::as_str);
        let given: BTreeSet<&str> = given.filter(|name| !FOR_ALL.contains(name)).collect();
        breaches.extend(needed.difference(&given).map(|name| {
            format!(
                "template.yaml: {id} has no variable {name}: add it, or take it out of the function's NEEDS"
            )
        }));
        breaches.extend(given.difference(&needed).map(|name| {
            format!("template.yaml: {id} has a variable {name} that its NEEDS does not name: add it there, or drop it")
        }));
    }
    assert_none("the template's variables are those of NEEDS", &breaches);
    Ok(())
}

#[test]
fn a_role_allows_what_its_function_needs_and_nothing_else() -> Result<()> {
    let mut breaches = Vec::new();
    for (function, needs) in declared()? {
        let id = &function.logical_id;
        let needed = permissions(&function, &needs);
        let given = function.policy.grants();
        breaches.extend(needed.difference(&given).map(|(action, resource)| {
            format!("template.yaml: the role of {id} does not allow {action} on {resource}: add it, or take it out of the function's NEEDS")
        }));
        breaches.extend(given.difference(&needed).map(|(action, resource)| {
            format!("template.yaml: the role of {id} allows {action} on {resource}, which its NEEDS does not name: drop it, or add it there")
        }));
    }
    assert_none("a role is its function's NEEDS, what its triggers take, and its log", &breaches);
    Ok(())
}

/// What is written without an entry: what expires by itself, what carries a change on that has one, and the log.
const BESIDE: [&str; 6] =
    ["EPHEMERAL_TABLE", "OUTBOX_TABLE", "AUDIT_TABLE", "LEDGER_TABLE", "AUDIT_BUCKET", "AUDIT_EXPORT_BUCKET"];

/// The log's own key, which its first checkpoint tells of.
const LOG_KEY: &str = "AUDIT_KEY_SECRET";

/// Actions that change what they are allowed on.
const CHANGING: [&str; 8] = [
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
    "s3:PutObject",
    "s3:DeleteObject",
];

/// A worker, a sweeper or a rotation changes nothing without an entry either.
#[test]
fn whoever_may_change_something_may_say_so() -> Result<()> {
    let mut breaches = Vec::new();
    let mut changing = 0;
    for (function, needs) in declared()? {
        let changed = |grant: &&platform::Grant| {
            let is_beside = BESIDE.contains(&grant.variable) || grant.variable == LOG_KEY;
            !is_beside && grant.actions.iter().any(|action| CHANGING.contains(action))
        };
        let may_say = needs
            .grants
            .iter()
            .any(|grant| grant.variable == "AUDIT_TABLE" && grant.actions.contains(&"dynamodb:PutItem"));
        let Some(grant) = needs.grants.iter().find(changed) else { continue };
        changing += 1;
        if !may_say {
            breaches.push(format!(
                "{} may change {} and not write an audit entry: commit a `Change`, and grant dynamodb:PutItem on AUDIT_TABLE",
                function.logical_id, grant.variable
            ));
        }
    }
    assert!(changing > 2, "the functions that change something are found");
    assert_none("who may change something may write its entry", &breaches);
    Ok(())
}

#[test]
fn a_single_function_finds_the_local_cloud() -> Result<()> {
    let file = fs::read_to_string(workspace::root().join("events/local.env"))?;
    // What AWS's own SDK reads is no function's need.
    let written: BTreeSet<&str> = file.lines().filter(|line| !line.starts_with("AWS_")).collect();
    let functions = Template::of_workspace()?.functions;
    let given = functions.iter().flat_map(|function| &function.environment);
    let given: BTreeSet<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let missing = given.difference(&written).map(|line| format!("events/local.env: add {line}"));
    let stale = written.difference(&given).map(|line| format!("events/local.env: drop {line}"));
    let breaches: Vec<String> = missing.chain(stale).collect();
    assert_none("`cargo lambda watch` gives a function what the local cloud would", &breaches);
    Ok(())
}

/// Every function of the template with what its code says.
fn declared() -> Result<Vec<(Function, platform::Needs)>> {
    let registry = functions::registry();
    let functions = Template::of_workspace()?.functions.into_iter();
    functions
        .map(|function| {
            let lambda = registry.get(function.binary.as_str());
            let lambda = lambda.ok_or_else(|| format!("{}: no such function", function.binary))?;
            Ok((function, lambda.needs))
        })
        .collect()
}

fn permissions(function: &Function, needs: &platform::Needs) -> BTreeSet<(String, String)> {
    let mut permissions = BTreeSet::new();
    for grant in needs.grants {
        let value = function.environment.get(grant.variable).cloned().unwrap_or_default();
        for action in grant.actions {
            let service = action.split(':').next().unwrap_or_default();
            let part = match grant.index {
                Some(index) => format!("/index/{index}"),
                // What is done to an object is done to something in the bucket.
                None if service == "s3" && action.ends_with("Object") => "/*".to_owned(),
                None => String::new(),
            };
            permissions.insert(((*action).to_owned(), template::arn_of(service, &value) + &part));
        }
    }
    permissions.extend(function.events.iter().flat_map(taken));
    let log = |group: &str| format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}:*");
    let log = log(function.log_group.as_deref().unwrap_or_default());
    permissions.extend(["CreateLogStream", "PutLogEvents"].map(|verb| (format!("logs:{verb}"), log.clone())));
    permissions
}

/// What Lambda does to a trigger's source, and to where it tells of failures, in the function's name
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>).
fn taken(event: &Event) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    if let Event::Stream { on_failure: Some(queue), .. } = event {
        taken.push(("sqs:SendMessage".to_owned(), template::arn_of("sqs", queue)));
    }
    let (service, verbs, resource) = match event {
        Event::Queue { queue, .. } => (
            "sqs",
            &["ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"][..],
            template::arn_of("sqs", queue),
        ),
        Event::Stream { table, .. } => (
            "dynamodb",
            &["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"][..],
            format!("{}/stream/local", template::arn_of("dynamodb", table)),
        ),
        Event::Schedule { .. } | Event::Rotation { .. } => return taken,
    };
    taken.extend(verbs.iter().map(|verb| (format!("{service}:{verb}"), resource.clone())));
    taken
}
