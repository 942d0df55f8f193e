//! The Lambda behind the outbox table's stream.

fn main() -> std::process::ExitCode {
    platform::run(outbox::relay)
}
