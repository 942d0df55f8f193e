//! What a request leaves in the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use platform::telemetry::Redacting;
use serde_json::Value;
use testkit::Lab;

use crate::{ground::instance, token};

const TENANT: &str = "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f";

/// What was logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let sink = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(Redacting(move || sink.clone()))
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that say how a request was answered.
    fn answered(&self) -> Vec<Value> {
        let lines = self.text();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == "answered").collect()
    }
}

#[tokio::test]
async fn a_request_leaves_one_line() {
    let lab = Lab::new();
    let token = token::issue(&lab, TENANT).await;
    let app = instance(&lab).await;
    let log = Log::default();
    let guard = log.begin();
    app.get("/mine?secret=gw_rt_c2VjcmV0").bearer(&token).header("x-request-id", "mine").await.expect(200);
    app.get("/things/7").header("cookie", "__Host-gw_access=hidden-2").await.expect(500);
    drop(guard);

    let lines = log.answered();
    assert_eq!(lines.len(), 2, "{}", log.text());
    let (line, span) = (&lines[0], &lines[0]["span"]);
    assert_eq!(line["status"], 200);
    assert!(line["duration_ms"].is_u64() && line["read_units"].is_number());
    assert_eq!(span["request_id"], "mine");
    assert_eq!(span["tenant"], TENANT);
    assert_eq!((&span["method"], &span["route"]), (&"GET".into(), &"/mine".into()));
    // The route and not the path: who asked about whom stays out of the log.
    assert_eq!(lines[1]["span"]["route"], "/things/{id}");
    assert_eq!(lines[1]["level"], "ERROR");
    for secret in [&*token, "hidden", "c2VjcmV0", "ann@example.com", "203.0.113.1"] {
        assert!(!log.text().contains(secret), "{secret}: {}", log.text());
    }
}
