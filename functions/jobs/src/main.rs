//! The HTTP function as Lambda runs it.

fn main() -> std::process::ExitCode {
    platform::run(jobs::function)
}
