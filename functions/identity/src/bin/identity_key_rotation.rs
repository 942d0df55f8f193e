//! The Lambda that Secrets Manager rotates the signing keys with.

fn main() -> std::process::ExitCode {
    platform::run(identity::key_rotation)
}
