//! `cargo run`: the local cloud.

use std::io::Write as _;
use std::process::ExitCode;

/// Requests here allocate much: each is turned into an event and back, and each item of a table into JSON.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
