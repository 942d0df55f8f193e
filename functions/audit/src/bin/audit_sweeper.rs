//! The Lambda that runs every minute.

fn main() -> std::process::ExitCode {
    platform::run(audit::sweeper)
}
