//! The Lambda behind the clock that runs every minute.

fn main() -> std::process::ExitCode {
    platform::run(jobs::sweeper)
}
