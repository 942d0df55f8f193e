//! `cargo xtask bench jobs`: simulated worlds, kills between a job's commit and its message, jobs that do nothing beside
//! Celery's, and one tenant's job behind another's many.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::{Options, build, python};
use crate::{Result, workspace, workspace::Workspace};

/// How many worlds are simulated, and in what time.
const WORLDS: u32 = 10_000;
const WORLDS_TIME: Duration = Duration::from_mins(1);

/// How many relays are killed between a job's commit and its message.
const KILLS: u32 = 1_000;

/// How many jobs that do nothing are asked for in each round.
const JOBS: u32 = 5_000;

/// How many jobs of somebody else's a job waits behind.
const OTHERS: u32 = 10_000;

/// The test that simulates, and the one that kills.
const SIMULATION: &str = "sim::no_world_breaks_an_invariant";
const RELAYS: &str = "worker::no_job_is_lost_between_its_commit_and_its_message";

/// Builds, measures, prints; with `--check` fails beyond the limits.
pub fn jobs(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let tests = build::fast_tests("jobs", "api")?;
    let mut missed = Vec::new();

    let took = simulate(&tests)?;
    println!(
        "{WORLDS} worlds without a breach in {:.1} s, at most {}",
        took.as_secs_f64(),
        WORLDS_TIME.as_secs()
    );
    if took > WORLDS_TIME {
        missed.push("simulation");
    }

    succeed(run_test(&tests, RELAYS, &[("JOBS_KILLS", KILLS.to_string())])?)?;
    println!("{KILLS} relays killed: no job lost, none done twice");

    build::fast("load", &["--bins"])?;
    build::fast("localstack", &["--bins"])?;
    let fast = workspace.target.join("fast");
    if !beside_celery(&workspace.target, &fast.join("load"))? {
        missed.push("Celery");
    }
    if !is_fair(&fast.join("localstack"))? {
        missed.push("fairness");
    }
    let told = format!("jobs miss a limit: {}", missed.join(", "));
    match missed.as_slice() {
        [] => Ok(()),
        _ if options.check => Err(told.into()),
        _ => {
            println!("{told}");
            Ok(())
        }
    }
}

/// Simulates every world, each core its share; how long that took.
fn simulate(tests: &Path) -> Result<Duration> {
    let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
    let share = WORLDS.div_ceil(cores);
    let began = Instant::now();
    let runs: Vec<Child> = (0..cores)
        .map(|core| {
            let (from, worlds) = (core * share, share.min(WORLDS - core * share));
            let variables = [("JOBS_SIM_FROM", from.to_string()), ("JOBS_SIM_WORLDS", worlds.to_string())];
            run_test(tests, SIMULATION, &variables)
        })
        .collect::<Result<_>>()?;
    runs.into_iter().try_for_each(succeed)?;
    Ok(began.elapsed())
}

fn run_test(tests: &Path, name: &str, variables: &[(&str, String)]) -> Result<Child> {
    let mut command = Command::new(tests);
    // A test's folder is its package's.
    command.current_dir(workspace::root().join("functions/jobs")).args(["--exact", name]);
    Ok(command.envs(variables.iter().map(|(name, value)| (*name, value))).stdout(Stdio::piped()).spawn()?)
}

/// Waits for a test, which has to be there and to pass.
fn succeed(run: Child) -> Result<()> {
    let output = run.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && told.contains("1 passed") { Ok(()) } else { Err(told.into()) }
}

/// Whether as many jobs are done beside Celery's as the script wants.
fn beside_celery(target: &Path, load: &PathBuf) -> Result<bool> {
    let folder = workspace::root().join("tests/load/celery_jobs");
    let venv = target.join("python-celery");
    python::install(&venv, &folder.join("requirements.txt"), &[])?;
    let mut script = Command::new(venv.join("bin/python"));
    let status = script.arg(folder.join("beside.py")).arg(load).arg(JOBS.to_string()).status()?;
    is_met(status)
}

/// Whether another tenant's jobs delay one as little as the script wants.
fn is_fair(localstack: &Path) -> Result<bool> {
    let script = workspace::root().join("tests/load/jobs_fair.py");
    let status = Command::new("python3").arg(script).arg(localstack).arg(OTHERS.to_string()).status()?;
    is_met(status)
}

/// What a script says: 0 met, 3 missed; anything else is no answer.
fn is_met(status: ExitStatus) -> Result<bool> {
    match status.code() {
        Some(0) => Ok(true),
        Some(3) => Ok(false),
        _ => Err(format!("a script gave no answer: {status}").into()),
    }
}
