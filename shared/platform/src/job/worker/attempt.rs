//! One attempt at a job: run it, keep its lease meanwhile, and stop it when it has to stop.

use std::{panic::AssertUnwindSafe, time::Duration};

use aws_lambda_events::sqs::SqsMessage;
use futures_util::FutureExt as _;
use kernel::{
    Result,
    job::{Ending, Failure, Job, LEASE, Outcome, RESULT_BYTES_MAX},
};
use store::Stored;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::Instrument as _;

use super::{Handled, Runner, TICK, Worker};
use crate::{
    job::{
        Context, Signal, failure_of,
        running::{Running, is_lost},
    },
    telemetry::causes,
};

/// After how many ticks it renews the lease: half of it.
const TICKS_PER_RENEWAL: u64 = LEASE.as_secs() / 2;

/// How long a job may take to stop when it is told to.
const GRACE: Duration = Duration::from_secs(2);

/// How long before its lease ends a worker gives up that cannot renew it: it stops before anybody else begins.
const GIVE_UP: Duration = Duration::from_secs(5);

impl<G: Clone + Send + Sync + 'static> Worker<G> {
    /// Runs a job that was just claimed, and writes how that went.
    pub(super) async fn attempt(
        &self,
        runner: &Runner<G>,
        claimed: Stored<Job>,
        message: &SqsMessage,
        stop: watch::Receiver<bool>,
    ) -> Result<Handled> {
        let job = claimed.value.clone();
        let ctx = Context::new(job.clone(), self.desk.clone(), Running::new(claimed));
        let span =
            tracing::info_span!("job", job_id = %job.id, job_type = job.job_type, attempt = job.attempts);
        let ending = self.supervise(runner, &ctx, &job, message, stop).instrument(span).await;
        let is_handed_back = ending == Some(Ending::HandedBack);
        let done = match ending {
            Some(ending) => self.finish(runner, &ctx, ending).await,
            // Nobody may have it: then its message is what brings it to somebody.
            None => Ok(Handled::Later(TICK)),
        };
        // Whoever has the job has its place; whoever goes on with it needs one.
        if matches!(done, Ok(Handled::Done(_)))
            && !is_handed_back
            && runner.job_type.per_tenant_max.is_some()
            && let Err(error) = self.desk.store.leave_place(&job).await
        {
            tracing::warn!(error = causes(&error), "a place is free only when its lease ends");
        }
        done
    }

    /// Runs a job until it ends or has to stop; `None` when another worker has it.
    async fn supervise(
        &self,
        runner: &Runner<G>,
        ctx: &Context,
        job: &Job,
        message: &SqsMessage,
        mut stop: watch::Receiver<bool>,
    ) -> Option<Ending> {
        let mut body = Box::pin(async {
            let out = AssertUnwindSafe((runner.run)(&self.ground, ctx, &job.payload)).catch_unwind().await;
            self.ending_unless_lost(job, out).await
        });
        let began = job.attempt_began_at.unwrap_or_else(|| self.desk.clock.now());
        let limit = runner.job_type.terms.time_limit.saturating_sub(self.desk.clock.now().since(began));
        let signal = tokio::select! {
            biased;
            ending = &mut body => return ending,
            signal = self.watch(runner, ctx, message) => signal,
            () = sleep(limit) => return Some(Ending::Stumbled(too_slow(runner))),
            () = asked(&mut stop) => Signal::Interrupted,
        };
        if signal == Signal::Lost {
            return None;
        }
        ctx.signal.send_replace(Some(signal));
        let out = timeout(GRACE, &mut body).await;
        match (signal, out) {
            (Signal::Lost, _) => None,
            (_, Ok(Some(Ending::Done(outcome)))) => Some(Ending::Done(outcome)),
            (Signal::Cancelled, _) => Some(Ending::Cancelled),
            (Signal::Expired, _) => Some(Ending::Expired),
            (Signal::Interrupted, _) => Some(Ending::HandedBack),
        }
    }

    /// Keeps the job's lease and its message, writes what it tells, and looks whether it has to stop.
    async fn watch(&self, runner: &Runner<G>, ctx: &Context, message: &SqsMessage) -> Signal {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once.
        ticks.tick().await;
        for tick in 1_u64.. {
            ticks.tick().await;
            match self.beat(runner, ctx, message, tick).await {
                Ok(None) => {}
                Ok(Some(signal)) => return signal,
                Err(error) if is_lost(&error) => {
                    tracing::warn!(
                        error = causes(&error),
                        "this worker was taken for dead; it writes nothing"
                    );
                    return Signal::Lost;
                }
                Err(error) => {
                    tracing::warn!(error = causes(&error), "a sign of life was not written");
                    let until = ctx.running.current().await.lease_until;
                    if until.is_none_or(|until| until <= ctx.now() + GIVE_UP) {
                        tracing::warn!("the lease ends; it stops before somebody else begins");
                        return Signal::Lost;
                    }
                }
            }
        }
        Signal::Interrupted
    }

    async fn beat(
        &self,
        runner: &Runner<G>,
        ctx: &Context,
        message: &SqsMessage,
        tick: u64,
    ) -> Result<Option<Signal>> {
        let told = ctx.take_told();
        let is_renewal = tick.is_multiple_of(TICKS_PER_RENEWAL);
        if told.is_some() || is_renewal {
            ctx.running.note(&self.desk, told, None).await?;
        } else if tick.is_multiple_of(2) {
            ctx.running.read(&self.desk).await?;
        }
        let row = ctx.running.current().await;
        if is_renewal {
            self.desk.hide(&[message], LEASE).await?;
            self.take_place(runner, &row).await?;
        }
        if row.cancel_requested_at.is_some() {
            return Ok(Some(Signal::Cancelled));
        }
        Ok(row.is_too_late(ctx.now()).then_some(Signal::Expired))
    }

    /// What the end of the run means for the job; `None` when another worker has it, as its last write was told.
    async fn ending_unless_lost(
        &self,
        job: &Job,
        out: std::thread::Result<Result<String>>,
    ) -> Option<Ending> {
        if let Ok(Err(error)) = &out
            && is_lost(error)
        {
            tracing::warn!(error = causes(error), "this worker was taken for dead; it writes nothing");
            return None;
        }
        Some(self.ending(job, out).await)
    }

    /// What the end of the run means for the job.
    async fn ending(&self, job: &Job, out: std::thread::Result<Result<String>>) -> Ending {
        let error = match out {
            Ok(Ok(output)) => match self.keep(job, output).await {
                Ok(outcome) => return Ending::Done(outcome),
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(_) => {
                tracing::error!("the job panicked");
                let detail = "the job panicked; the log has more under the request's id".to_owned();
                return Ending::Stumbled(Failure { rule: "panicked".to_owned(), detail });
            }
        };
        tracing::warn!(error = causes(&error), "the attempt failed");
        let failure = failure_of(&error);
        if error.is_retryable() { Ending::Stumbled(failure) } else { Ending::Failed(failure) }
    }

    /// Keeps a result: in the row, or as an object when it is too long for that.
    async fn keep(&self, job: &Job, output: String) -> Result<Outcome> {
        if output.len() <= RESULT_BYTES_MAX {
            return Ok(Outcome::Inline(output));
        }
        let key = format!("results/{}/{}/{}.json", job.tenant_id, job.id, job.fence);
        self.desk.results.create(&key, "application/json", output.into_bytes()).await?;
        Ok(Outcome::Object(key))
    }
}

fn too_slow<G>(runner: &Runner<G>) -> Failure {
    let seconds = runner.job_type.terms.time_limit.as_secs();
    Failure { rule: "time_limit".to_owned(), detail: format!("it took longer than {seconds} s") }
}

/// Returns when the worker has to stop.
async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody is left who could ask.
        std::future::pending::<()>().await;
    }
}
