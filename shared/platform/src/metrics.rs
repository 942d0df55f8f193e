//! Metrics as log lines that CloudWatch counts by itself
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use kernel::Timestamp;
use serde_json::json;

use crate::Boot;

/// The namespace of every metric of ours: alarms in the template name it.
const NAMESPACE: &str = "Groundwork";

/// Writes a function's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: Arc<str>,
}

impl Metrics {
    /// Under the function's own name (`AWS_LAMBDA_FUNCTION_NAME`, set by Lambda), so that two stacks are told apart.
    pub fn of(boot: &Boot) -> Self {
        Self::named(boot.vars.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("none"))
    }

    /// Under this name.
    pub fn named(function: &str) -> Self {
        Self { function: function.into() }
    }

    /// Writes a number of seconds.
    pub fn seconds(&self, name: &str, value: u64, now: Timestamp) {
        let line = self.line(name, "Seconds", value, now);
        // In one piece, and nobody may be reading: a metric is no reason to fail.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }

    fn line(&self, name: &str, unit: &str, value: u64, now: Timestamp) -> String {
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["FunctionName"]],
            "Metrics": [{ "Name": name, "Unit": unit }],
        });
        let line = json!({
            "_aws": { "Timestamp": now.millis(), "CloudWatchMetrics": [directive] },
            "FunctionName": &*self.function,
            name: value,
        });
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_names_the_metric_and_holds_its_value_and_dimension() {
        let metrics = Metrics { function: "f".into() };
        let line = metrics.line("DriftSeconds", "Seconds", 7, Timestamp::from_seconds(1));
        assert_eq!(line.lines().count(), 1);
        let line: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "_aws": { "Timestamp": 1000, "CloudWatchMetrics": [{
                "Namespace": "Groundwork", "Dimensions": [["FunctionName"]],
                "Metrics": [{ "Name": "DriftSeconds", "Unit": "Seconds" }],
            }]},
            "FunctionName": "f",
            "DriftSeconds": 7,
        });
        assert_eq!(line, expected);
    }
}
