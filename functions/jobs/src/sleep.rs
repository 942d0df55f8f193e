//! `demo.sleep`: does nothing, for trying things out.

use std::time::Duration;

use kernel::{
    Error, Permission, Result,
    job::{Progress, Retry, Terms},
};
use platform::job::{Context, JOBS_QUEUE, JobType, Work};
use serde::{Deserialize, Serialize};
use tokio::time::interval;

/// Sleeps, and tells each second how long it has.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sleep {
    /// For how many seconds.
    #[schema(minimum = 0, maximum = 3600)]
    seconds: u32,
    /// How many attempts fail before one sleeps.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10)]
    fail_attempts: u32,
}

/// How long it has slept.
#[derive(Debug, Serialize)]
pub(crate) struct Slept {
    slept_seconds: u32,
}

impl Work for Sleep {
    const TYPE: JobType = JobType {
        name: "demo.sleep",
        summary: "Sleeps for some seconds and tells how far it is, for trying things out.",
        queue: JOBS_QUEUE,
        permission: Permission::JobsWrite,
        terms: Terms {
            time_limit: Duration::from_mins(61),
            retry: Retry { attempts_max: 5, base: Duration::from_secs(1), wait_max: Duration::from_secs(30) },
        },
        per_tenant_max: Some(10),
    };

    type Ground = store::Store;
    type Output = Slept;

    async fn run(&self, _: &store::Store, ctx: &Context) -> Result<Slept> {
        if ctx.attempt() <= self.fail_attempts {
            return Err(Error::unavailable("sleep", "this attempt was asked to fail"));
        }
        let slept: u32 = ctx.checkpoint().await?.unwrap_or(0);
        let mut seconds = interval(Duration::from_secs(1));
        // The first is at once.
        seconds.tick().await;
        for second in slept..self.seconds {
            let total = Some(self.seconds.into());
            let message = Some(format!("slept {second} of {} s", self.seconds));
            ctx.report(Progress { done: second.into(), total, message });
            // Tells that, too; whoever goes on sleeps the rest.
            match ctx.save(&second).await {
                Err(error) if !error.is_retryable() => return Err(error),
                _ => {}
            }
            tokio::select! {
                biased;
                _ = ctx.stopped() => return std::future::pending().await,
                _ = seconds.tick() => {}
            }
        }
        let (done, total) = (self.seconds.into(), Some(self.seconds.into()));
        ctx.report(Progress { done, total, message: None });
        Ok(Slept { slept_seconds: self.seconds })
    }
}
