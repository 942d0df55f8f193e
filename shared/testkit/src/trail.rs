//! Whether what a function does is in the audit log: all of it, and nothing else.

use std::collections::BTreeSet;

use cloud::{Effect, InjectedFault, Service};
use serde_json::Value;

use crate::{
    Answer, Call, Lab,
    rows::{rows, table},
};

/// A call to the tables that no operation gets to.
const CALLS_MAX: u32 = 80;

/// What is no state of the domain: counters and claims, which expire by themselves, and the log.
const BESIDE: [&str; 3] = ["ephemeral", "audit", "ledger"];

/// Makes a call again and again, cut off from the tables after ever more calls to them, until it comes through; `prepare`
/// makes it, on a lab of its own, and again when what was done halfway cannot be asked for twice. Each time rows must have
/// changed if and only if an entry was written that tells of rows. Answers the actions of all entries.
///
/// Time has to be paused: the SDK waits between its attempts.
///
/// # Panics
/// When a row changed without an entry, or an entry was written without a changed row; when it never comes through.
pub async fn actions_of(
    name: &str,
    binary: &str,
    prepare: impl AsyncFn() -> (Lab, Call),
) -> BTreeSet<String> {
    let (mut lab, mut call) = prepare().await;
    let (mut actions, mut is_fresh) = (BTreeSet::new(), true);
    let mut calls = 0;
    while calls < CALLS_MAX {
        let fault = InjectedFault::on(Service::Dynamo, Effect::Reset).after(calls).of(binary);
        let (answer, done) =
            watched(&format!("{name}, cut off after {calls} calls"), &lab, call.clone(), fault).await;
        let has_left = !done.is_empty();
        actions.extend(done);
        if answer.status.is_server_error() {
            is_fresh = false;
            calls += 1;
            continue;
        }
        let is_done = !answer.status.is_client_error() && (has_left || is_fresh);
        if is_done {
            return actions;
        }
        // What was done halfway cannot be asked for twice, or is not done twice.
        assert!(!is_fresh, "{name}: {answer:?}");
        (lab, call) = prepare().await;
        is_fresh = true;
    }
    panic!("{name} makes more than {CALLS_MAX} calls")
}

async fn watched(case: &str, lab: &Lab, call: Call, fault: InjectedFault) -> (Answer, BTreeSet<String>) {
    let before = rows(lab).await;
    lab.cloud().inject(vec![fault]);
    let answer = call.await;
    lab.cloud().inject(Vec::new());
    let after = rows(lab).await;
    let changed: Vec<&String> =
        before.keys().filter(|name| is_domain(name) && before[*name] != after[*name]).collect();
    let entries: Vec<&String> = table(&after, "audit").difference(table(&before, "audit")).collect();
    assert!(changed.is_empty() || !entries.is_empty(), "{case}: {changed:?} changed, and there is no entry");
    // An entry of something that is no row, a token that was made, has digests of none.
    let tells_of_rows =
        entries.iter().any(|entry| entry.contains("before: S(") || entry.contains("after: S("));
    assert!(!changed.is_empty() || !tells_of_rows, "{case}: nothing changed, and there is {entries:?}");
    (answer, entries.into_iter().map(|entry| action(entry)).collect())
}

fn is_domain(table: &str) -> bool {
    let table = table.to_lowercase();
    !BESIDE.iter().any(|beside| table.contains(beside))
}

/// The action that an entry's row names.
fn action(row: &str) -> String {
    let after = row.split_once("action: S(\"").map(|(_, rest)| rest);
    let action = after.and_then(|rest| rest.split_once('"')).map(|(action, _)| action);
    action.unwrap_or_else(|| panic!("no action in {row}")).to_owned()
}

/// How many entries there are of an action.
///
/// # Panics
/// When a table cannot be read.
pub async fn entries_of(lab: &Lab, name: &str) -> usize {
    table(&rows(lab).await, "audit").iter().filter(|row| action(row) == name).count()
}

/// Every operation of a document that may change something, and how it is told: method and path.
pub fn changing(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let methods = |(path, item): (&String, &Value)| {
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
        methods.filter(|method| method != "GET").map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.flat_map(methods).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    fn rows_of(identity: &str, audit: &str) -> Rows {
        let row = |text: &str| BTreeSet::from([text.to_owned()]);
        Rows::from([("x-IdentityTable".to_owned(), row(identity)), ("x-AuditTable".to_owned(), row(audit))])
    }

    #[test]
    fn an_action_is_read_from_its_row() {
        assert_eq!(action("{action: S(\"user.rename\"), at: N(\"1\")}"), "user.rename");
        assert!(is_domain("x-OutboxTable") && !is_domain("x-LedgerTable"));
        assert_eq!(table(&rows_of("a", "b"), "audit").len(), 1);
    }
}
