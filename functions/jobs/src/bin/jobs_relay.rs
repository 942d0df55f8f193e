//! The Lambda behind the jobs table's stream.

fn main() -> std::process::ExitCode {
    platform::run(jobs::relay)
}
