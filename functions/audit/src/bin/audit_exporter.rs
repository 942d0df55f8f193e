//! The Lambda that runs once a day.

fn main() -> std::process::ExitCode {
    platform::run(audit::exporter)
}
