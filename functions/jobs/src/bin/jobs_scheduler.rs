//! The Lambda behind the schedules.

fn main() -> std::process::ExitCode {
    platform::run(jobs::scheduler)
}
