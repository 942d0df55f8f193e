//! What each route costs in request units: measured by the tests of its group, written in `docs/request-units.md`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _, Write as _},
};

use platform::{Boot, config::Vars};
use serde_json::Value;
use store::Capacity;

use crate::Answer;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/request-units.md");

/// What the routes of a group cost, each row under its path and method.
#[derive(Debug)]
pub struct Bill {
    group: &'static str,
    rows: BTreeMap<(String, String), String>,
}

/// The same boot for a function that counts its callers and refuses nobody soon, as a route is measured.
#[must_use]
pub fn counting(boot: Boot) -> Boot {
    let many = "60000";
    let vars = boot.vars.clone().with("LIMIT_PER_MINUTE", many).with("LIMIT_ATTEMPTS_PER_MINUTE", many);
    Boot { vars, ..boot }
}

impl Bill {
    /// Of a group of which nothing is measured yet.
    pub fn of(group: &'static str) -> Self {
        Self { group, rows: BTreeMap::new() }
    }

    /// Notes what an operation has cost.
    ///
    /// # Panics
    /// When it has not done what it is for.
    #[track_caller]
    pub fn note(&mut self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status;
        let body = String::from_utf8_lossy(&answer.body);
        assert!(status.is_success() || status.is_redirection(), "{method} {path}: {status} {body}");
        let Capacity { read_units, write_units, calls } = answer.consumed;
        let row = format!("| `{method} {path}` | {read_units} | {write_units} | {calls} |\n");
        self.rows.insert((path.to_owned(), method.to_owned()), row);
    }

    /// Compares it with the page; writes it there instead when `INSTA_UPDATE` is `always`, as it is for snapshots.
    ///
    /// # Panics
    /// When an operation of the document was not measured, or costs something else than the page says.
    pub fn check(&self, document: &Value) {
        let paths = document["paths"].as_object().into_iter().flatten();
        let methods = |(path, item): (&String, &Value)| {
            let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            methods.map(|method| (path.clone(), method)).collect::<Vec<_>>()
        };
        let missing: Vec<_> =
            paths.flat_map(methods).filter(|operation| !self.rows.contains_key(operation)).collect();
        assert!(missing.is_empty(), "not measured: {missing:?}");

        let mut file = File::options().read(true).write(true).open(PAGE).expect("docs/request-units.md");
        // Other groups write theirs at the same time.
        file.lock().expect("the page for oneself");
        let mut page = String::new();
        file.read_to_string(&mut page).expect("text");
        let wanted = self.written_in(&page);
        if wanted != page && Vars::from_process().get("INSTA_UPDATE") == Some("always") {
            file.rewind().and_then(|()| file.set_len(0)).expect("an empty page");
            file.write_all(wanted.as_bytes()).expect("a written page");
            return;
        }
        let told: Vec<_> = page.lines().collect();
        let changed: Vec<_> = wanted.lines().filter(|line| !told.contains(line)).collect();
        assert_eq!(
            wanted, page,
            "docs/request-units.md tells otherwise of {changed:#?}; if that is meant, run this test with \
             INSTA_UPDATE=always"
        );
    }

    /// The page with these rows in the group's place.
    fn written_in(&self, page: &str) -> String {
        let (begin, end) =
            (format!("<!-- {} -->\n", self.group), format!("<!-- end of {} -->\n", self.group));
        let place = page.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(&end)?;
            Some((before, after))
        });
        let (before, after) = place.expect("the group's place on the page");
        let rows: String = self.rows.values().map(String::as_str).collect();
        let head = "| route | read units | write units | calls |\n|---|---|---|---|\n";
        format!("{before}{begin}{head}{rows}{end}{after}")
    }
}
