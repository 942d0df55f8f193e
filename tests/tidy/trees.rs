//! What is built into what.

use xtask::{
    Result,
    workspace::{self, Workspace},
};

use super::assert_none;

/// One crypto library, and no C toolchain but ring's.
const NEVER_ON_LAMBDA: [&str; 6] = ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "rsa"];
/// The kernel decides; it neither waits nor talks.
const NEVER_IN_KERNEL: [&str; 12] = [
    "async-trait",
    "aws-",
    "axum",
    "futures",
    "http",
    "hyper",
    "lambda_",
    "ring",
    "rusqlite",
    "tokio",
    "tower",
    "tracing",
];

#[test]
fn functions_carry_one_crypto_library() -> Result<()> {
    let workspace = Workspace::load()?;
    let mut breaches = Vec::new();
    for package in workspace.functions() {
        for name in tree(&package.name)? {
            if NEVER_ON_LAMBDA.contains(&name.as_str()) {
                breaches.push(format!(
                    "{}: {name} is built into it; find who brings it: cargo tree -p {} -e normal -i {name}",
                    package.folder, package.name
                ));
            }
        }
    }
    assert_none("ring is the one crypto library on Lambda", &breaches);
    Ok(())
}

#[test]
fn the_kernel_and_the_log_s_format_are_pure() -> Result<()> {
    let mut breaches = Vec::new();
    // The format of the log is made of hashes and signatures.
    for (package, allowed) in [("kernel", ""), ("tlog", "ring")] {
        let names = tree(package)?;
        let never = |name: &&String| NEVER_IN_KERNEL.iter().any(|word| is(name, word) && *word != allowed);
        breaches.extend(names.iter().filter(never).map(|name| {
            format!("shared/{package}: {name} is built into it; decide on values, and do in a room above")
        }));
    }
    assert_none("no AWS, HTTP or async in the kernel", &breaches);
    Ok(())
}

/// A word that ends in `-` or `_` stands for a family; any other for itself and what is built on its name.
fn is(name: &str, word: &str) -> bool {
    name == word
        || (name.starts_with(word) && (word.ends_with(['-', '_']) || name[word.len()..].starts_with('-')))
}

/// Everything in the package's binary, by name, as Cargo resolves it for this package alone.
fn tree(package: &str) -> Result<Vec<String>> {
    let arguments = [
        "tree",
        "--offline",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let lines = workspace::cargo(&arguments)?;
    let mut names: Vec<String> =
        lines.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    names.sort();
    names.dedup();
    assert!(names.iter().any(|name| name == package), "cargo tree does not know {package}");
    Ok(names)
}
