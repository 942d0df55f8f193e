//! What the environment says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use platform::config::{ConfigError, Reader, Vars};
use platform::telemetry::LogLevel;

/// The local cloud's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `GROUNDWORK_ADDR`: where the API answers.
    pub addr: SocketAddr,
    /// `GROUNDWORK_AWS_ADDR`: where the AWS APIs answer.
    pub aws_addr: SocketAddr,
    /// `GROUNDWORK_DATA_DIR`: where everything is kept.
    pub data_dir: PathBuf,
    /// `GROUNDWORK_TEMPLATE`: the template; without it `template.yaml` here, else the workspace's.
    pub template: Option<PathBuf>,
    /// `GROUNDWORK_LIMITS`: `off` lifts the gateway's throttles and the functions' limits, for load tests.
    pub limits: bool,
    /// `GROUNDWORK_PARAMETERS`: parameters of the template, like `RequestsPerMinute=600 AttemptsPerMinute=30`.
    pub parameters: Parameters,
    /// `LOG_LEVEL`: what is logged, and what functions log.
    pub log_level: LogLevel,
}

impl Settings {
    /// Reads them all.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(vars: &Vars) -> Result<Self, ConfigError> {
        let mut env = Reader::new(vars);
        let addr = env.or("GROUNDWORK_ADDR", "127.0.0.1:8080");
        let aws_addr = env.or("GROUNDWORK_AWS_ADDR", "127.0.0.1:4566");
        let data_dir = env.or("GROUNDWORK_DATA_DIR", ".groundwork");
        let limits: Option<Switch> = env.or("GROUNDWORK_LIMITS", "on");
        let parameters = env.or("GROUNDWORK_PARAMETERS", "");
        let log_level = env.or("LOG_LEVEL", "info");
        let template = vars.get("GROUNDWORK_TEMPLATE").map(PathBuf::from);
        env.finish(|| {
            Some(Self {
                addr: addr?,
                aws_addr: aws_addr?,
                data_dir: data_dir?,
                template,
                limits: limits?.0,
                parameters: parameters?,
                log_level: log_level?,
            })
        })
    }
}

/// Values for parameters of the template, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(pub BTreeMap<String, String>);

impl std::str::FromStr for Parameters {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pairs = text.split_whitespace().map(|pair| {
            let (name, value) =
                pair.split_once('=').ok_or("must be written like Name=value, with spaces between")?;
            Ok((name.to_owned(), value.to_owned()))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

struct Switch(bool);

impl std::str::FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err("must be on or off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Settings, String> {
        let vars: Vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::read(&vars).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_are_the_loopback() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.addr.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.aws_addr.to_string(), "127.0.0.1:4566");
        assert!(settings.limits);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let error = read(&[("GROUNDWORK_ADDR", "8080"), ("GROUNDWORK_LIMITS", "no"), ("LOG_LEVEL", "loud")])
            .unwrap_err();
        for name in ["GROUNDWORK_ADDR", "GROUNDWORK_LIMITS", "LOG_LEVEL"] {
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
