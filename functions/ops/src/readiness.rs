//! Whether everything answers that requests are served with.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::join_all};
use kernel::{Error, Result, Timestamp};
use platform::{Edge, telemetry::causes};
use serde::Serialize;
use store::Table;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// Where accounts and sessions are.
pub(crate) const IDENTITY_TABLE: Table = Table("IDENTITY_TABLE");

/// The tables, as they are called in the answer and in the configuration.
pub(crate) const TABLES: [(&str, Table); 5] = [
    ("identity_table", IDENTITY_TABLE),
    ("access_table", platform::api_key::TABLE),
    ("ephemeral_table", store::ephemeral::TABLE),
    ("audit_table", store::audit::TABLE),
    ("outbox_table", store::outbox::TABLE),
];

/// The keys that access tokens are verified with. Before identity has made the first, nobody can log in.
const VERIFICATION_KEYS: &str = "verification_keys";

/// The keys that the other groups start with.
const APP_KEYS: &str = "app_keys";

/// How long one check may take.
const CHECK_MAX: Duration = Duration::from_secs(1);

/// How long an answer stands, so that asking often costs nothing.
const FRESH: Duration = Duration::from_secs(5);

/// The whole answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "status": "degraded",
    "checks": [
        {"name": "identity_table", "status": "ok", "duration_ms": 4},
        {"name": "access_table", "status": "ok", "duration_ms": 4},
        {"name": "ephemeral_table", "status": "ok", "duration_ms": 3},
        {"name": "audit_table", "status": "failing", "duration_ms": 1000},
        {"name": "outbox_table", "status": "ok", "duration_ms": 4},
        {"name": "verification_keys", "status": "ok", "duration_ms": 12},
        {"name": "app_keys", "status": "ok", "duration_ms": 11}
    ]
}))]
pub(crate) struct Report {
    /// Ready when every check is ok.
    pub(crate) status: ReportStatus,
    /// What was asked.
    pub(crate) checks: Vec<Check>,
}

/// Whether requests can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportStatus {
    /// Everything answers.
    Ready,
    /// Something does not.
    Degraded,
}

/// One dependency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "identity_table", "status": "ok", "duration_ms": 4}))]
pub(crate) struct Check {
    /// What it is for; not what it is called in AWS.
    pub(crate) name: &'static str,
    /// Whether it answers.
    pub(crate) status: CheckStatus,
    /// How long that took.
    pub(crate) duration_ms: u64,
}

/// Whether a dependency answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckStatus {
    /// It does.
    Ok,
    /// It does not, or not in time, or has nothing to answer yet.
    Failing,
}

impl Report {
    fn of(checks: Vec<Check>) -> Self {
        let is_ready = checks.iter().all(|check| check.status == CheckStatus::Ok);
        let status = if is_ready { ReportStatus::Ready } else { ReportStatus::Degraded };
        Self { status, checks }
    }
}

/// Asks the dependencies, and remembers what they said for 5 s. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    edge: Edge,
    known: Arc<Mutex<Option<(Timestamp, Report)>>>,
}

impl Readiness {
    pub(crate) fn new(edge: Edge) -> Self {
        Self { edge, known: Arc::default() }
    }

    /// The report, at most 5 s old. Who asks while it is being made waits for the same one.
    pub(crate) async fn report(&self) -> Report {
        let mut known = self.known.lock().await;
        let now = self.edge.clock().now();
        if let Some((at, report)) = &*known
            && now.since(*at) < FRESH
        {
            return report.clone();
        }
        let report = self.check_all().await;
        *known = Some((now, report.clone()));
        report
    }

    async fn check_all(&self) -> Report {
        let store = self.edge.store();
        let tables = TABLES.map(|(name, table)| self.check(name, store.ping(table)).boxed());
        let config = self.edge.config();
        let secrets =
            [(VERIFICATION_KEYS, &config.verification_keys_secret), (APP_KEYS, &config.app_keys_secret)];
        let secrets = secrets.map(|(name, id)| self.check(name, self.edge.secrets().ping(id)).boxed());
        Report::of(join_all(tables.into_iter().chain(secrets)).await)
    }

    async fn check(&self, name: &'static str, answer: impl Future<Output = Result<()>>) -> Check {
        let begun = self.edge.clock().now();
        let outcome = tokio::time::timeout(CHECK_MAX, answer).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(Error::unavailable("check a dependency", "no answer in time")));
        let duration = self.edge.clock().now().since(begun);
        let status = match outcome {
            Ok(()) => CheckStatus::Ok,
            Err(error) => {
                tracing::warn!(check = name, error = causes(&error), "a dependency does not answer");
                CheckStatus::Failing
            }
        };
        Check { name, status, duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX) }
    }
}
