//! `cargo xtask bench audit`: the audit log under load, under kills, altered, and verified.

use std::process::Command;

use serde_json::Value;

use super::{Options, build};
use crate::{Result, workspace::Workspace};

/// The package that does it.
const LOAD: &str = "load";

/// A figure: what it is of, its name in what was told, and what it has to be.
struct Figure {
    of: &'static str,
    name: &'static str,
    goal: Goal,
}

enum Goal {
    Least(f64),
    Most(f64),
    /// As much as another figure of the same.
    Same(&'static str),
}

const FIGURES: [Figure; 10] = [
    figure("append", "appended_per_second", Goal::Least(1_000.0)),
    figure("append", "sequenced_per_second", Goal::Least(1_000.0)),
    figure("append", "p99_seconds", Goal::Most(2.0)),
    figure("kills", "kills", Goal::Least(100.0)),
    figure("kills", "checkpoints", Goal::Least(100.0)),
    figure("kills", "entries", Goal::Same("changes")),
    figure("kills", "continues", Goal::Same("checkpoints")),
    figure("alter", "noticed", Goal::Same("alterations")),
    figure("verify", "seconds", Goal::Most(10.0)),
    figure("verify", "peak_megabytes", Goal::Most(200.0)),
];

const fn figure(of: &'static str, name: &'static str, goal: Goal) -> Figure {
    Figure { of, name, goal }
}

/// Builds, measures, prints; with `--check` fails beyond the limits. `--long` kills for ten minutes and alters a million
/// times.
pub fn audit(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    build::fast(LOAD, &["--bins"])?;
    let (kills, alterations) = if options.long { ("600", "1000000") } else { ("30", "20000") };
    let mut missed = Vec::new();
    for (what, number) in [("append", "60"), ("kills", kills), ("alter", alterations), ("verify", "1000000")]
    {
        let ran = Command::new(workspace.target.join("fast").join(LOAD)).args([what, number]).output()?;
        if !ran.status.success() {
            return Err(format!("{what}: {}", String::from_utf8_lossy(&ran.stderr)).into());
        }
        let told: Value = serde_json::from_slice(&ran.stdout)?;
        println!("{what} {number}: {told}");
        for figure in FIGURES.iter().filter(|figure| figure.of == what) {
            missed.extend(figure.missed(&told)?);
        }
    }
    for line in &missed {
        println!("{line}");
    }
    if options.check && !missed.is_empty() { Err("the log misses a limit".into()) } else { Ok(()) }
}

impl Figure {
    /// What it falls short of.
    fn missed(&self, told: &Value) -> Result<Option<String>> {
        let number = |name: &str| told[name].as_f64().ok_or_else(|| format!("it tells no {name}"));
        let found = number(self.name)?;
        let (is_met, goal) = match self.goal {
            Goal::Least(least) => (found >= least, format!("at least {least}")),
            Goal::Most(most) => (found <= most, format!("at most {most}")),
            Goal::Same(other) => ((found - number(other)?).abs() < 0.5, format!("as many as {other}")),
        };
        Ok((!is_met).then(|| format!("{} {}: {found}, {goal}", self.of, self.name)))
    }
}
