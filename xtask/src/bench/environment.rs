//! What a function of the template gets on Lambda, given to a process here: its variables, and AWS on loopback.

use std::{future, path::PathBuf, thread};

use cloud::{Cloud, Template};
use tokio::{net::TcpListener, runtime};

use super::aws_front;
use crate::Result;

/// The embedded cloud behind a port of its own, in memory.
pub(super) struct Aws {
    template: Template,
    endpoint: String,
}

impl Aws {
    /// Makes everything the template declares and serves it until the process ends.
    pub(super) fn start() -> Result<Self> {
        let template = Template::of_workspace()?;
        let cloud = Cloud::memory(&template)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let endpoint = format!("http://{}", aws_front::start(listener.local_addr()?)?);
        thread::spawn(move || runtime.block_on(cloud.serve_aws(listener, future::pending())));
        Ok(Self { template, endpoint })
    }

    /// The environment of the function whose bootstrap is `binary`. Its limiter counts, and lets everybody through.
    pub(super) fn environment(&self, binary: &str) -> Result<Vec<(String, String)>> {
        let function = self
            .template
            .function(binary)
            .ok_or_else(|| format!("template.yaml has no function whose Binary is {binary}"))?;
        let own = function.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        let aws = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIALOCAL"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("LIMIT_PER_MINUTE", "60000"),
        ];
        let aws = aws.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(own.chain(aws).collect())
    }

    /// The bootstraps of the template's functions, in its order.
    pub(super) fn binaries(&self) -> Vec<String> {
        self.template.functions.iter().map(|function| function.binary.clone()).collect()
    }
}

/// The event that is replayed for a function.
pub(super) fn event_path(binary: &str) -> PathBuf {
    crate::workspace::root().join("events").join(format!("{binary}.json"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn every_function_has_its_variables_and_an_aws_that_answers() {
        let aws = Aws::start().unwrap();
        assert!(!aws.binaries().is_empty());
        for binary in aws.binaries() {
            let environment = aws.environment(&binary).unwrap();
            let endpoint = environment.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL");
            let address = endpoint.and_then(|(_, url)| url.strip_prefix("http://")).unwrap();
            TcpStream::connect(address).unwrap();
        }
        assert!(aws.environment("nobody").is_err());
    }
}
