//! Every row of every table, to show that nothing has changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::Lab;
use aws_sdk_dynamodb::{Client, types::AttributeValue};

/// The rows of each table, written out.
pub type Rows = BTreeMap<String, BTreeSet<String>>;

/// Every row there is.
///
/// # Panics
/// When a table cannot be read.
pub async fn rows(lab: &Lab) -> Rows {
    let client = Client::new(&lab.cloud().sdk_config());
    let tables = client.list_tables().send().await.expect("the tables");
    let mut rows = Rows::new();
    for table in tables.table_names() {
        let mut pages = client.scan().table_name(table).into_paginator().items().send();
        let mut items = BTreeSet::new();
        while let Some(item) = pages.next().await {
            items.insert(write(&AttributeValue::M(item.expect("a row"))));
        }
        rows.insert(table.clone(), items);
    }
    assert!(!rows.is_empty(), "there are tables");
    rows
}

/// A value with the attributes of its maps in order, so that the same row is the same text.
fn write(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let sorted: BTreeMap<&String, String> =
                map.iter().map(|(name, value)| (name, write(value))).collect();
            let attributes = sorted.into_iter().map(|(name, value)| format!("{name}: {value}"));
            format!("{{{}}}", attributes.collect::<Vec<_>>().join(", "))
        }
        AttributeValue::L(list) => format!("[{}]", list.iter().map(write).collect::<Vec<_>>().join(", ")),
        plain => format!("{plain:?}"),
    }
}

/// The rows of the table whose name has `part` in it.
///
/// # Panics
/// When there is none.
pub fn table<'a>(rows: &'a Rows, part: &str) -> &'a BTreeSet<String> {
    let found = rows.iter().find(|(name, _)| name.to_lowercase().contains(part));
    found.unwrap_or_else(|| panic!("no table {part} among {:?}", rows.keys())).1
}

/// Requires that two dumps are the same; names the rows that differ.
///
/// # Panics
/// When they are not.
#[track_caller]
pub fn assert_same(case: &str, before: &Rows, after: &Rows) {
    for (name, rows) in before {
        let differing: Vec<&String> = rows.symmetric_difference(&after[name]).collect();
        assert!(differing.is_empty(), "{case} changed {name}: {differing:#?}");
    }
}
