//! Who may name what in the sources. `clippy.toml` refuses the same methods while one writes; this test knows
//! the rooms, and that each exception is still needed.

use xtask::Result;

use super::{
    assert_none,
    source::{self, Source},
};

/// A word only some folders may use.
struct Reach {
    law: &'static str,
    words: &'static [&'static str],
    /// Folders or files, each with the reason.
    allowed: &'static [(&'static str, &'static str)],
    cure: &'static str,
}

const REACHES: [Reach; 4] = [
    Reach {
        law: "only store names the DynamoDB SDK",
        words: &["aws_sdk_dynamodb"],
        allowed: &[
            ("shared/store/", "it is the store"),
            ("shared/testkit/src/rows.rs", "tests look at every row, whoever wrote it"),
        ],
        cure: "write through `store::Change`, read through `store`'s queries",
    },
    Reach {
        law: "only platform reads the clock",
        words: &[
            "SystemTime::now",
            "Instant::now",
            "now_utc(",
            "now_local(",
            "UtcDateTime::now",
            "Uuid::now_v7",
        ],
        allowed: &[
            ("shared/platform/", "it is the edge"),
            ("localstack/", "the local cloud is the clock's other side: schedules, visibility, TTL"),
            ("xtask/", "it measures"),
        ],
        cure: "take `now` as an argument; the handler gets it from platform",
    },
    Reach {
        law: "only platform records an answer",
        words: &[".answering("],
        allowed: &[("shared/platform/", "`Created::commit` cannot forget it")],
        cure: "commit through `platform::Created::commit`",
    },
    Reach {
        law: "only platform reads the environment",
        words: &["std::env", "env::var"],
        allowed: &[
            ("shared/platform/", "it is the edge"),
            ("cli/src/main.rs", "its arguments are the command"),
            ("xtask/", "a tool is told by its caller"),
        ],
        cure: "add a typed, documented field to the function's configuration",
    },
];

#[test]
fn each_room_reaches_only_for_its_own() -> Result<()> {
    let sources = source::all()?;
    for reach in &REACHES {
        assert_none(reach.law, &breaches(reach, &sources));
    }
    Ok(())
}

fn breaches(reach: &Reach, sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        if reach.allowed.iter().any(|(folder, _)| source.path.starts_with(folder)) {
            continue;
        }
        for (number, line) in source.shipped_lines() {
            if let Some(word) = reach.words.iter().find(|word| line.contains(**word)) {
                breaches.push(format!("{}:{number}: {word}: {}", source.path, reach.cure));
            }
        }
    }
    breaches
}

#[test]
fn no_exception_outlives_its_need() -> Result<()> {
    let sources = source::all()?;
    let mut breaches = Vec::new();
    for reach in &REACHES {
        for (folder, reason) in reach.allowed {
            let mut inside = sources.iter().filter(|source| source.path.starts_with(folder));
            if !inside.any(|source| reach.words.iter().any(|word| source.code.contains(word))) {
                breaches.push(format!(
                    "{folder} ({reason}) does not need it any more: take it out of tests/tidy/reach.rs, {}",
                    reach.law
                ));
            }
        }
    }
    assert_none("an exception stands only as long as it is used", &breaches);
    Ok(())
}
