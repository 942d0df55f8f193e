//! The Lambda behind the dead-letter queue of every worker.

fn main() -> std::process::ExitCode {
    platform::run(jobs::dead_letters)
}
