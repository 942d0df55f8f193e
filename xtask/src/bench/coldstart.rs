//! `cargo xtask bench coldstart`: what a first request waits for.

use std::{fs, path::PathBuf, time::Duration};

use super::{
    Options,
    bootstrap::Bootstrap,
    build,
    environment::{self, Aws},
    python,
    report::{self, Figures, Row, Timing},
};
use crate::{Result, workspace, workspace::Workspace};

/// The yardstick's package and binary.
pub(super) const HELLO: &str = "hello";

/// A bootstrap to measure, and what Lambda would give it.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) event: Vec<u8>,
    pub(super) environment: Vec<(String, String)>,
    /// Held to the limits.
    pub(super) is_ours: bool,
}

/// One cold start.
struct Sample {
    init: Duration,
    first: Duration,
    peak_rss_kib: u64,
}

/// Builds, measures, prints; with `--check` fails beyond the limits.
pub fn coldstart(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let aws = Aws::start()?;
    let chosen = chosen(&aws.binaries(), &options.functions)?;
    build::release(&[HELLO])?;
    build::release(&packages(&workspace, &chosen))?;
    let mut subjects = vec![hello(&workspace)?];
    for name in chosen {
        subjects.push(function(&workspace, &aws, name)?);
    }
    if options.python {
        subjects.push(python::subject(&workspace.target)?);
    }
    let samples = measure(&subjects, options.runs)?;
    let rows: Vec<Row> = subjects
        .iter()
        .zip(&samples)
        .map(|(subject, of_it)| row(&workspace, subject, of_it, &samples[0]))
        .collect::<Result<_>>()?;
    print!("{}", report::table(&rows));
    report::verdict(&rows, options.check)
}

/// The functions that were asked for, or all.
fn chosen(all: &[String], asked: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !all.contains(name)) {
        return Err(format!("template.yaml has no function {unknown}; it has {}", all.join(", ")).into());
    }
    Ok(if asked.is_empty() { all.to_vec() } else { asked.to_vec() })
}

/// The packages these bootstraps are built from.
fn packages<'a>(workspace: &'a Workspace, binaries: &[String]) -> Vec<&'a str> {
    workspace
        .functions()
        .filter(|package| package.binaries.iter().any(|binary| binaries.contains(binary)))
        .map(|package| package.name.as_str())
        .collect()
}

fn function(workspace: &Workspace, aws: &Aws, name: String) -> Result<Subject> {
    let event = environment::event_path(&name);
    Ok(Subject {
        binary: build::binary(&workspace.target, &name),
        event: fs::read(&event).map_err(|error| format!("{}: {error}", event.display()))?,
        environment: aws.environment(&name)?,
        name,
        is_ours: true,
    })
}

fn hello(workspace: &Workspace) -> Result<Subject> {
    Ok(Subject {
        name: HELLO.to_owned(),
        binary: build::binary(&workspace.target, HELLO),
        event: fs::read(workspace::root().join("xtask/hello/event.json"))?,
        environment: Vec::new(),
        is_ours: true,
    })
}

/// Round by round over all subjects, so that a slow moment of the machine meets each of them; each round begins with
/// another one, because whoever follows the smallest finds the coldest caches. The first round only fills the page
/// cache.
fn measure(subjects: &[Subject], runs: usize) -> Result<Vec<Vec<Sample>>> {
    let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..=runs {
        for turn in 0..subjects.len() {
            let index = (round + turn) % subjects.len();
            let subject = &subjects[index];
            let sample = sample(subject).map_err(|error| format!("{}: {error}", subject.name))?;
            if round > 0 {
                samples[index].push(sample);
            }
        }
    }
    Ok(samples)
}

fn sample(subject: &Subject) -> Result<Sample> {
    let mut bootstrap = Bootstrap::spawn(&subject.binary, &subject.environment)?;
    let init = bootstrap.ready()?;
    let answer = bootstrap.invoke(&subject.event)?;
    bootstrap.ready()?;
    Ok(Sample {
        init,
        first: answer.at.duration_since(bootstrap.spawned()),
        peak_rss_kib: bootstrap.peak_rss_kib()?,
    })
}

fn row(workspace: &Workspace, subject: &Subject, samples: &[Sample], hello: &[Sample]) -> Result<Row> {
    let (binary_bytes, zip_bytes) = if subject.is_ours {
        (fs::metadata(&subject.binary)?.len(), Some(build::zipped_size(&subject.binary)?))
    } else {
        (python::installed_bytes(&workspace.target)?, None)
    };
    let figures = Figures {
        init: Timing::of(samples, hello, |sample| sample.init),
        first: Timing::of(samples, hello, |sample| sample.first),
        peak_rss_kib: median(samples.iter().map(|sample| sample.peak_rss_kib)),
        binary_bytes,
        zip_bytes,
    };
    Ok(Row { name: subject.name.clone(), figures, is_ours: subject.is_ours })
}

impl Timing {
    /// The ratio is taken within each round, where the machine was equally fast for both.
    fn of(samples: &[Sample], hello: &[Sample], time: impl Fn(&Sample) -> Duration) -> Self {
        let per_mille = samples.iter().zip(hello).map(|(sample, hello)| {
            let hello = time(hello).as_nanos().max(1);
            u32::try_from(time(sample).as_nanos() * 1000 / hello).unwrap_or(u32::MAX)
        });
        Self { median: median(samples.iter().map(&time)), x_hello: f64::from(median(per_mille)) / 1000.0 }
    }
}

/// The middle one, the upper of two; the least value of the type when there is none.
fn median<T: Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort();
    let middle = values.len() / 2;
    values.into_iter().nth(middle).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_slow_run() {
        assert_eq!(median([3, 900, 2, 4, 3].into_iter()), 3);
        assert_eq!(median([1, 2].into_iter()), 2);
        assert_eq!(median(std::iter::empty::<u64>()), 0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let samples = |times: [u64; 3]| {
            times.map(|ms| Sample {
                init: Duration::from_millis(ms),
                first: Duration::from_millis(2 * ms),
                peak_rss_kib: 0,
            })
        };
        let timing = Timing::of(&samples([4, 40, 9]), &samples([2, 20, 3]), |sample| sample.init);
        assert_eq!(timing.median, Duration::from_millis(9));
        assert_eq!(format!("{:.2}", timing.x_hello), "2.00");
    }

    #[test]
    fn an_unknown_function_is_named() {
        let all = ["identity".to_owned(), "ops".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &all[1..]).unwrap(), &all[1..]);
        let error = chosen(&all, &["op".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "template.yaml has no function op; it has identity, ops");
    }
}
