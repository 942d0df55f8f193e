//! `groundwork audit verify`

use std::io::Write;

use tlog::verify::{self, Report};

use super::{Asked, place::Place};
use crate::Failure;

/// Verifies a whole log, and prints what it is.
pub(crate) fn verify(asked: &Asked<'_>, place: &Place, out: &mut impl Write) -> Result<(), Failure> {
    let key = asked.key(place)?;
    let earlier = asked.earlier(place, &key)?;
    let verified = verify::verify(place, std::slice::from_ref(&key), Some(key.name()), &earlier);
    let Report { checkpoint, continues, .. } = verified.map_err(failed)?;
    let report = serde_json::json!({
        "status": "intact",
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "key": key.to_string(),
        "continues": continues,
    });
    writeln!(out, "{report}")?;
    Ok(out.flush()?)
}

/// In the words of the command.
pub(super) fn failed(failure: verify::Failure) -> Failure {
    match failure {
        verify::Failure::Tampered { index: Some(index), what } => {
            Failure::Tampered(format!("tampered with, first at entry {index}: {what}"))
        }
        verify::Failure::Tampered { index: None, what } => {
            Failure::Tampered(format!("tampered with: {what}"))
        }
        unreadable @ verify::Failure::Unreadable { .. } => Failure::Unreadable(unreadable.to_string()),
    }
}
