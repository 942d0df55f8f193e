//! Puts the audit log and the jobs under load; prints what came of it as one JSON document. `cargo xtask bench audit` and
//! `bench jobs` run it.
//!
//! - `append SECONDS`: changes at a steady rate, sequenced by the function that the inbox's stream calls;
//! - `kills SECONDS`: two sequencers that are killed all the time, while changes go on;
//! - `alter COUNT`: so many alterations of a log, each verified;
//! - `verify COUNT`: a log of so many entries, verified;
//! - `jobs COUNT`: so many jobs that do nothing, from asking for them to their end.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks through its output")]
#![allow(clippy::disallowed_methods, reason = "it measures time; nothing here runs on Lambda")]

mod alter;
mod append;
mod house;
mod jobs;
mod kills;
mod verify;

use std::error::Error;

/// As the local cloud has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, number] = arguments.as_slice() else {
        return Err("append SECONDS, kills SECONDS, alter COUNT, verify COUNT or jobs COUNT".into());
    };
    let number: u64 = number.parse()?;
    let told = match &**what {
        "append" => run(append::append(number))?,
        "kills" => run(kills::kills(number))?,
        "jobs" => run(jobs::jobs(number))?,
        "alter" => alter::alter(number)?,
        "verify" => verify::verify(number)?,
        other => return Err(format!("`{other}` is nothing that can be done").into()),
    };
    println!("{told}");
    Ok(())
}

fn run<T>(task: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(task)
}
