//! The workspace's Rust sources, with comments and literals told from code.

use std::{fs, path::Path};

use xtask::{Result, workspace};

/// One file.
pub(super) struct Source {
    /// Relative to the workspace's root.
    pub(super) path: String,
    /// As it stands there.
    pub(super) text: String,
    /// The same lines and columns with the insides of comments and literals blanked.
    pub(super) code: String,
}

impl Source {
    /// Whether the file is compiled for tests only, as a whole.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines of code before the file's own tests, numbered from 1.
    pub(super) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        self.code[..tests].lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All of them, in the order of their paths.
pub(super) fn all() -> Result<Vec<Source>> {
    let root = workspace::root();
    let mut paths = Vec::new();
    collect(&root, &mut paths)?;
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let path = Path::new(&path).strip_prefix(&root)?.to_string_lossy().into_owned();
        let code = blank(&text);
        sources.push(Source { path, text, code });
    }
    assert!(
        sources.iter().any(|source| source.path == "shared/kernel/src/lib.rs"),
        "the walk does not find the sources"
    );
    Ok(sources)
}

fn collect(folder: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            // Build output and the tools' own folders.
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                collect(&entry.path(), found)?;
            }
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            found.push(entry.path().to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// Blanks what stands inside comments, strings and characters. Lines stay lines.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, previous).unwrap_or(0);
        if length == 0 {
            out.push(first);
            previous = first;
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
            previous = ' ';
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that begins here, in bytes.
fn literal(rest: &str, previous: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    // `r"…"`, `br#"…"#`: only where a word begins.
    if !previous.is_alphanumeric() && previous != '_' {
        return raw_string(rest);
    }
    None
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// `'a'` and `'\n'`, but not the lifetime `'a`.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 1)
}

fn raw_string(rest: &str) -> Option<usize> {
    let body =
        rest.strip_prefix("br").or_else(|| rest.strip_prefix("cr")).or_else(|| rest.strip_prefix('r'))?;
    let opened = body.trim_start_matches('#');
    let hashes = body.len() - opened.len();
    let opened = opened.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - opened.len();
    Some(opened.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

#[test]
fn comments_and_literals_are_not_code() {
    let cases = [
        ("a // todo!(\nb", "a b"),
        ("a /* x /* y */ z */ b", "a b"),
        (r#"f("a \" b")"#, "f( )"),
        (r##"f(r#"a " b"#)"##, "f( )"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        (r"m('\'', '{', b'x')", "m( , , b )"),
        ("super\"x\" r#type", "super r#type"),
    ];
    for (text, code) in cases {
        let blanked = blank(text);
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
        assert_eq!(blanked.lines().count(), text.lines().count(), "{text}");
    }
}
