//! Measures release bootstraps the way Lambda runs them: as processes that ask a Runtime API for events.
//!
//! Every figure is compared with a bare `lambda_http` hello of the same run, since what a machine is worth that
//! day moves both alike.

mod audit;
mod aws_front;
mod bootstrap;
mod build;
mod coldstart;
mod environment;
mod exchange;
mod gateway;
mod http1;
mod jobs;
mod process;
mod python;
mod report;
mod runtime_api;
mod verify;
mod warm;

pub use audit::audit;
pub use coldstart::coldstart;
pub use gateway::gateway;
pub use jobs::jobs;
pub use verify::verify;
pub use warm::warm;

use crate::Result;

/// What stands behind `cargo xtask bench …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Fail when a limit is broken.
    pub check: bool,
    /// Cold starts per function.
    pub runs: usize,
    /// Warm invocations.
    pub invocations: u32,
    /// Beside a Python function.
    pub python: bool,
    /// As long as the figures ask for, and not only as long as shows something.
    pub long: bool,
    /// Only these functions; all when empty.
    pub functions: Vec<String>,
}

impl Options {
    /// Reads the command line's words.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            check: false,
            runs: 31,
            invocations: 1000,
            python: false,
            long: false,
            functions: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--check" => options.check = true,
                "--python" => options.python = true,
                "--long" => options.long = true,
                "--runs" => options.runs = number(word, words.next())?,
                "--invocations" => options.invocations = number(word, words.next())?,
                option if option.starts_with('-') => return Err(format!("unknown option {option}").into()),
                function => options.functions.push(function.to_owned()),
            }
        }
        Ok(options)
    }
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(option: &str, value: Option<&&str>) -> Result<N> {
    value
        .and_then(|value| value.parse().ok())
        .filter(|number| *number >= N::from(1))
        .ok_or_else(|| format!("{option} takes a number, at least 1").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let options = Options::parse(&["identity", "--runs", "3", "--check"]).unwrap();
        assert!(options.check);
        assert_eq!(options.runs, 3);
        assert_eq!(options.functions, ["identity"]);
    }

    #[test]
    fn a_wrong_option_is_named() {
        for words in [["--runs", "0"], ["--runs", "x"], ["--fast", ""]] {
            let error = Options::parse(&words).unwrap_err().to_string();
            assert!(error.contains(words[0]), "{error}");
        }
    }
}
