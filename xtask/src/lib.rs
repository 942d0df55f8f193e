//! Repository chores. `cargo xtask` runs them; the tests in `tests/tidy` call the same code, so that what a
//! test compares is what the command writes.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks through its output"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a development tool measures time and passes the environment on; nothing here runs on Lambda"
)]

pub mod bench;
pub mod sync;
pub mod workspace;

/// What every chore answers: the message of an error is all its reader gets.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
