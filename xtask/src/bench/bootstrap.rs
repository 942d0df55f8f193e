//! A bootstrap as Lambda starts it: its own process, a bare environment, a Runtime API to ask.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use super::{process, runtime_api::RuntimeApi};
use crate::Result;

/// One running bootstrap. Dropping it ends the process.
pub(super) struct Bootstrap {
    api: RuntimeApi,
    child: Child,
    log: NamedTempFile,
    spawned: Instant,
}

/// What one invocation took and answered.
pub(super) struct Answer {
    pub(super) at: Instant,
    pub(super) body: Vec<u8>,
}

impl Bootstrap {
    /// Starts `binary` with nothing in its environment but what Lambda sets and `environment`.
    pub(super) fn spawn(binary: &Path, environment: &[(String, String)]) -> Result<Self> {
        let api = RuntimeApi::start()?;
        let log = NamedTempFile::new()?;
        let output = log.reopen()?;
        let name = binary.file_name().unwrap_or_default();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("_HANDLER", "bootstrap")
            .env("TZ", ":UTC")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(output.try_clone()?)
            .stderr(output);
        let spawned = Instant::now();
        let child = command.spawn().map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        Ok(Self { api, child, log, spawned })
    }

    /// Waits until the bootstrap asks for an event; answers the time since it was spawned.
    pub(super) fn ready(&mut self) -> Result<Duration> {
        let at = self.api.wait_for_next();
        Ok(self.explained(at)?.duration_since(self.spawned))
    }

    /// One event, one answer. The bootstrap must be [`ready`](Self::ready), and has to become so again.
    pub(super) fn invoke(&mut self, event: &[u8]) -> Result<Answer> {
        let answer = self.api.invoke(event);
        let (at, body) = self.explained(answer)?;
        Ok(Answer { at, body })
    }

    /// When the process was started.
    pub(super) fn spawned(&self) -> Instant {
        self.spawned
    }

    /// The most memory it has had resident, in KiB.
    pub(super) fn peak_rss_kib(&self) -> Result<u64> {
        process::peak_rss_kib(self.child.id())
    }

    /// CPU time of the process so far.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.child.id())
    }

    /// An error with what the bootstrap logged, since that is where the reason stands.
    fn explained<T>(&mut self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| {
            let status = self.child.try_wait().ok().flatten();
            let status = status.map_or_else(|| "still running".to_owned(), |status| status.to_string());
            format!("{error} ({status})\n{}", self.logged()).into()
        })
    }

    fn logged(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_else(|error| format!("its log cannot be read: {error}"))
    }
}

impl Drop for Bootstrap {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
