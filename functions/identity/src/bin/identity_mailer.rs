//! The Lambda behind the mail queue.

fn main() -> std::process::ExitCode {
    platform::run(identity::mailer)
}
