//! The Lambda behind the erasure queue.

fn main() -> std::process::ExitCode {
    platform::run(audit::eraser)
}
