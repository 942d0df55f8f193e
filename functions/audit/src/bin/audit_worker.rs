//! The Lambda behind the queue of this group's jobs.

fn main() -> std::process::ExitCode {
    platform::run(audit::worker)
}
