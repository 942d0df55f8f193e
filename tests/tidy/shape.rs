//! Sizes, and what a finished source does not hold.

use xtask::Result;

use super::{assert_none, source};

/// The law says 400; the test leaves room for a file that is about to be split.
const FILE_LINES_MAX: usize = 500;
/// Configuration, state, run.
const MAIN_LINES_MAX: usize = 15;
/// A handler translates: load, decide, commit.
const HANDLER_LINES_MAX: usize = 40;

#[test]
fn files_stay_short() -> Result<()> {
    let breaches: Vec<String> = source::all()?
        .iter()
        .map(|source| (source.path.as_str(), source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines; split it where its nouns part"))
        .collect();
    assert_none("files have at most 400 lines (500 fail)", &breaches);
    Ok(())
}

#[test]
fn lambdas_are_thin() -> Result<()> {
    let sources = source::all()?;
    let mains = sources.iter().filter(|source| {
        let path = source.path.as_str();
        path.starts_with("functions/") && (path.ends_with("/src/main.rs") || path.contains("/src/bin/"))
    });
    let mut breaches = Vec::new();
    for source in mains {
        let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > MAIN_LINES_MAX {
            breaches.push(format!(
                "{}: {lines} lines of code, allowed are {MAIN_LINES_MAX}; move the rest into lib.rs or platform",
                source.path
            ));
        }
    }
    assert_none("a Lambda's main is configuration, state, run", &breaches);
    Ok(())
}

#[test]
fn handlers_stay_short() -> Result<()> {
    let mut breaches = Vec::new();
    for source in source::all()?.iter().filter(|source| source.path.starts_with("functions/")) {
        for (at, _) in source.code.match_indices("#[utoipa::path") {
            let lines = body_lines(&source.code[at..]);
            if lines > HANDLER_LINES_MAX {
                let number = source.code[..at].lines().count() + 1;
                breaches.push(format!(
                    "{}:{number}: the handler has {lines} lines, allowed are {HANDLER_LINES_MAX}; let the noun decide",
                    source.path
                ));
            }
        }
    }
    assert_none("handlers load, decide, commit", &breaches);
    Ok(())
}

#[test]
fn nothing_is_left_for_later() -> Result<()> {
    let words = ["#[ignore", "todo!(", "unimplemented!("];
    let mut breaches = Vec::new();
    for source in source::all()? {
        for (number, line) in source.code.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                breaches.push(format!("{}:{}: {word}: finish it or take it out", source.path, number + 1));
            }
        }
    }
    assert_none("no stub, no ignored test", &breaches);
    Ok(())
}

/// The lines of the first function behind the attribute, from its `fn` to its closing brace.
fn body_lines(code: &str) -> usize {
    let Some(function) = code.find(" fn ") else {
        return 0;
    };
    let mut depth = 0_usize;
    for (at, c) in code[function..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return code[function..=function + at].lines().count(),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    0
}

#[test]
fn a_body_ends_with_its_own_brace() {
    let code = "#[utoipa::path(get)]\npub async fn f() {\n  if a {\n  }\n}\nfn g() {\n}\n";
    assert_eq!(body_lines(code), 4);
}
