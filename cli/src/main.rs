//! The `groundwork` command.

use std::io::Write as _;
use std::process::ExitCode;

use platform::Boot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    match cli::run(&arguments, Boot::from_process, &mut std::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be reading; the exit code tells as well.
            let _ = writeln!(std::io::stderr(), "groundwork: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
