//! The Lambda behind the jobs queue.

fn main() -> std::process::ExitCode {
    platform::run(jobs::worker)
}
