//! What the emulator cannot do: each case by its name, with the reason. `localstack/README.md` holds the same table.

use std::{collections::BTreeMap, fs};

use xtask::{Result, workspace};

use super::cloud::cloud;

const ON_THE_EMULATOR: [(&str, &str); 2] = [
    (
        "a_path_is_taken_as_it_is_written",
        "decodes the path and drops empty parts before it looks for the route",
    ),
    ("nobody_chooses_their_own_network", "takes `sourceIp` from the client's own X-Forwarded-For"),
];

/// The table in the README stands under this heading.
const GAPS: &str = "## Where the emulator is not AWS";

/// Tells that a case is skipped, and why.
#[expect(clippy::print_stdout, reason = "a test's output is where a skipped case is told")]
pub(crate) fn say(case: &str, reason: &str) {
    println!("skipped: {case}: {reason}");
}

/// Whether a case cannot be tried here; says so.
pub(crate) fn skips(case: &str) -> bool {
    let reason = ON_THE_EMULATOR.iter().find(|(name, _)| cloud().is_emulator && *name == case);
    if let Some((_, reason)) = reason {
        say(case, reason);
    }
    reason.is_some()
}

/// Where mails are read, for a case that reads one. Without it the case is skipped, and says so.
pub(crate) fn mail_or_skip(case: &str) -> Option<&'static str> {
    let mail = cloud().mail.as_deref();
    if mail.is_none() {
        say(case, "GROUNDWORK_MAIL does not say where mails are read");
    }
    mail
}

#[test]
fn the_readme_tells_what_is_skipped() -> Result<()> {
    let readme = fs::read_to_string(workspace::root().join("localstack/README.md"))?;
    let (_, gaps) = readme.split_once(GAPS).ok_or(format!("localstack/README.md: no heading `{GAPS}`"))?;
    let gaps = gaps.split("\n## ").next().unwrap_or_default();
    let told: BTreeMap<&str, &str> = gaps.lines().filter_map(row).collect();
    assert_eq!(
        told,
        BTreeMap::from(ON_THE_EMULATOR),
        "localstack/README.md: its table of gaps and the one in tests/e2e/skip.rs are one"
    );
    Ok(())
}

/// The case and the gap of a row `| what | gap | `case` |`.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
    let (_, gap, case) = (cells.next()?, cells.next()?, cells.next()?);
    let case = case.strip_prefix('`')?.strip_suffix('`')?;
    Some((case, gap))
}

#[test]
fn what_is_skipped_is_a_case() -> Result<()> {
    let mut cases = String::new();
    for entry in fs::read_dir(workspace::root().join("tests/e2e"))? {
        cases += &fs::read_to_string(entry?.path())?;
    }
    for (case, _) in ON_THE_EMULATOR {
        let is_case =
            cases.contains(&format!("fn {case}()")) && cases.contains(&format!("skips(\"{case}\")"));
        assert!(is_case, "tests/e2e/skip.rs: {case} is no case that asks whether it is skipped; take it out");
    }
    Ok(())
}

#[test]
fn a_row_with_a_case_is_read() {
    assert_eq!(row("| AWS does | the emulator not | `a_case` |"), Some(("a_case", "the emulator not")));
    assert_eq!(row("| AWS does | the emulator not | - |"), None);
    assert_eq!(row("|---|---|---|"), None);
}
