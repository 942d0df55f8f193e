//! `cargo run`: the local cloud.

use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match localstack::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be reading; the exit code tells as well.
            let _ = writeln!(std::io::stderr(), "groundwork: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
