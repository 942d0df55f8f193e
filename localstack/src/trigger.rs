//! What invokes functions besides the API: queues, streams, clocks and rotations.
//!
//! Each trigger is a task of its own. It feeds its function as AWS does, at least once; what a function
//! cannot handle comes again after a pause, and no trigger waits for another.

mod cron;
mod filter;
mod queue;
mod rotation;
mod schedule;
mod stream;

use std::time::Duration;

use cloud::Cloud;
use cloud::template::Event;
use platform::Function;
use tokio::task::JoinSet;

use crate::invoke::{Functions, Loaded};
use crate::stop::Stop;

/// How often expired items are looked for. AWS takes minutes to days.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// A trigger that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The template gives a function an event its code does not take.
    #[error("{function} does not take {event} events; correct its `Events` in template.yaml")]
    Mismatch {
        /// The function's logical id.
        function: String,
        /// The kind of event.
        event: &'static str,
    },
    /// A schedule that cannot be read.
    #[error("{function}: the schedule `{expression}` cannot be read: {reason}")]
    Schedule {
        /// The function's logical id.
        function: String,
        /// The expression.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Starts every trigger of the template; the tasks end when they have to stop, each when its batch is done.
///
/// # Errors
/// When a trigger does not fit its function.
pub fn start(cloud: &Cloud, functions: &Functions, stop: &Stop) -> Result<JoinSet<()>, TriggerError> {
    let mut tasks = JoinSet::new();
    for loaded in functions.values() {
        for event in &loaded.declared.events {
            trigger(&mut tasks, cloud, loaded, event, stop)?;
        }
    }
    tasks.spawn(sweep(cloud.clone(), stop.clone()));
    Ok(tasks)
}

fn trigger(
    tasks: &mut JoinSet<()>,
    cloud: &Cloud,
    loaded: &Loaded,
    event: &Event,
    stop: &Stop,
) -> Result<(), TriggerError> {
    let mismatch = |event| TriggerError::Mismatch { function: loaded.declared.logical_id.clone(), event };
    match (event, &loaded.function) {
        (Event::Queue { queue, batch_size, reports_failures, concurrency }, Function::Sqs(handler)) => {
            let source = queue::Source {
                queue: queue.clone(),
                batch_size: *batch_size,
                reports_failures: *reports_failures,
                concurrency: concurrency.unwrap_or(queue::CONCURRENCY),
            };
            let poller = queue::Poller::new(cloud, loaded.declared.clone(), source, handler.clone());
            tasks.spawn(poller.run(stop.clone()));
            Ok(())
        }
        (Event::Queue { .. }, _) => Err(mismatch("queue")),
        (Event::Stream { .. }, Function::Stream(handler)) => {
            let poller = stream::Poller::new(cloud.clone(), loaded.declared.clone(), event, handler.clone());
            tasks.spawn(poller.run(stop.clone()));
            Ok(())
        }
        (Event::Stream { .. }, _) => Err(mismatch("stream")),
        (Event::Schedule { expression, input }, Function::Schedule(handler)) => {
            let timetable =
                schedule::Timetable::parse(expression).map_err(|reason| TriggerError::Schedule {
                    function: loaded.declared.logical_id.clone(),
                    expression: expression.clone(),
                    reason,
                })?;
            let clock = schedule::Schedule {
                cloud: cloud.clone(),
                function: loaded.declared.clone(),
                timetable,
                input: input.clone(),
                handler: handler.clone(),
            };
            tasks.spawn(clock.run(stop.clone()));
            Ok(())
        }
        (Event::Schedule { .. }, _) => Err(mismatch("schedule")),
        (Event::Rotation { secret, .. }, Function::Rotation(handler)) => {
            let rotator = rotation::Rotator {
                cloud: cloud.clone(),
                function: loaded.declared.clone(),
                secret: secret.clone(),
                handler: handler.clone(),
            };
            tasks.spawn(rotator.run(stop.clone()));
            Ok(())
        }
        (Event::Rotation { .. }, _) => Err(mismatch("rotation")),
    }
}

async fn sweep(cloud: Cloud, mut stop: Stop) {
    while stop.pause(SWEEP_EVERY).await {
        let cloud = cloud.clone();
        // A sweep may take seconds; it steps aside for requests between its pages.
        let swept = tokio::task::spawn_blocking(move || cloud.sweep_expired()).await;
        if let Ok(Err(error)) = swept {
            tracing::error!(%error, "expired items could not be swept");
        }
    }
}
