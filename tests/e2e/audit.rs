//! The audit log: what was done is in it, proven, and the whole of it holds together.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tlog::{
    Checkpoint, Hash, VerifierKey, hash, proof,
    source::{ReadError, Source},
    verify,
};

use super::{
    client::get,
    operator::Operator,
    people::{Person, text},
};

const AUDIT: &str = "/api/v1/audit";

/// How long an entry may take into the log. It is two seconds on AWS; a machine that starts functions as processes, many
/// at once, takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

fn public(path: &str) -> String {
    String::from_utf8(get(&format!("{AUDIT}/{path}")).send().expect(200).body).expect("text")
}

/// The first page that is not empty.
fn entries(operator: &Operator, query: &str) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let page = operator.call("GET", &format!("{AUDIT}/entries?{query}")).send().expect(200).json();
        let items = page["items"].as_array().expect("items").clone();
        if !items.is_empty() {
            return items;
        }
        assert!(start.elapsed() < PATIENCE, "nothing with {query} came into the log");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_was_done_is_in_the_log_and_proven() {
    let Some(operator) = Operator::or_skip("what_was_done_is_in_the_log_and_proven") else { return };
    let ann = Person::new();
    let me = ann.get("/api/v1/me").send().expect(200).json();
    let query = format!("tenant_id={}&target={}", text(&me["tenant_id"]), text(&me["id"]));
    let entry = entries(&operator, &query).remove(0);
    assert_eq!(entry["target"]["id"], me["id"]);
    let path = format!("{AUDIT}/entries/{}?tenant_id={}", text(&entry["id"]), text(&me["tenant_id"]));
    let proven = operator.call("GET", &path).send().expect(200).json();
    let key: VerifierKey = public("vkey").trim_end().parse().expect("a verifier key");
    let note = text(&proven["proof"]["checkpoint"]);
    let checkpoint =
        Checkpoint::open(&note, key.name(), std::slice::from_ref(&key)).expect("signed").checkpoint;
    let hashes = proven["proof"]["hashes"].as_array().expect("hashes").iter();
    let hashes: Vec<Hash> = hashes.map(|hash| text(hash).parse().expect("a hash")).collect();
    let leaf = hash::leaf(text(&proven["leaf"]).as_bytes());
    let index = proven["proof"]["index"].as_u64().expect("an index");
    proof::verify_inclusion(leaf, index, checkpoint.size, &hashes, checkpoint.root)
        .expect("it is in the log");
}

/// Who did it goes out of the entries; the entries, and the log, stay.
#[test]
fn the_log_forgets_who_was_erased() {
    let Some(operator) = Operator::or_skip("the_log_forgets_who_was_erased") else { return };
    let ann = Person::new();
    let me = ann.get("/api/v1/me").send().expect(200).json();
    let (id, tenant) = (text(&me["id"]), text(&me["tenant_id"]));
    let of_ann = format!("tenant_id={tenant}&actor={id}");
    entries(&operator, &of_ann);
    ann.erase();
    let start = Instant::now();
    let found = |query: &str| {
        let page = operator.call("GET", &format!("{AUDIT}/entries?{query}")).send().expect(200).json();
        page["items"].as_array().expect("items").clone()
    };
    while !found(&of_ann).is_empty() || !found(&format!("tenant_id={tenant}&target={id}")).is_empty() {
        assert!(start.elapsed() < PATIENCE * 2, "the log still tells of her");
        thread::sleep(Duration::from_millis(500));
    }
    let left = found(&format!("tenant_id={tenant}&action=user.erase"));
    let entry = left.first().expect("that she was erased");
    assert!(!entry.to_string().contains(&id) && entry["client"].is_null(), "{entry}");
    let path = format!("{AUDIT}/entries/{}?tenant_id={tenant}", text(&entry["id"]));
    operator.call("GET", &path).send().expect(200);
}

#[test]
fn everybody_may_read_the_roots() {
    let page = get(&format!("{AUDIT}/roots")).send().expect(200).json();
    assert!(page["items"].is_array(), "{page}");
}

/// The log as it is served.
struct Served<'a>(&'a Operator);

impl Source for Served<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let answer = self.0.call("GET", &format!("{AUDIT}/{path}")).send();
        match answer.status {
            200 => Ok(answer.body),
            404 => Err(ReadError::NotFound { path: path.to_owned() }),
            other => Err(ReadError::Other { path: path.to_owned(), why: other.to_string() }),
        }
    }
}

#[test]
fn the_whole_log_holds_together() {
    let Some(operator) = Operator::or_skip("the_whole_log_holds_together") else { return };
    entries(&operator, "");
    let key: VerifierKey = public("vkey").trim_end().parse().expect("a verifier key");
    let old =
        Checkpoint::open(&public("checkpoint"), key.name(), std::slice::from_ref(&key)).expect("signed");
    let report =
        verify::verify(&Served(&operator), std::slice::from_ref(&key), Some(key.name()), &[old.checkpoint]);
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.checkpoint.size > 0);
}

#[test]
fn a_log_is_not_for_everybody() {
    let ann = Person::new();
    get(&format!("{AUDIT}/entries")).send().problem(401);
    get(&format!("{AUDIT}/tile/0/000")).send().problem(401);
    ann.get(&format!("{AUDIT}/tile/0/000")).send().problem(403);
    // Somebody who registers owns a tenant, and sees what is done in it.
    ann.get(&format!("{AUDIT}/entries")).send().expect(200);
}
