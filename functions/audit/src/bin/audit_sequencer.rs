//! The Lambda behind the inbox's stream.

fn main() -> std::process::ExitCode {
    platform::run(audit::sequencer)
}
