//! `outbox-sweeper`: what still waits after a minute.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use kernel::{Result, Timestamp};
use platform::{Boot, BootError, Function, telemetry::causes};
use store::outbox::OutboxMessage;

use crate::delivery::{CONCURRENT_SENDS, Outbox};

/// How long a message is left to the relay.
const GRACE: Duration = Duration::from_mins(1);

/// How many messages one run sends.
const SENDS_MAX: usize = 500;

/// How long one run takes; its Lambda is stopped after 10 s.
const RUN_MAX: Duration = Duration::from_secs(8);

/// How many messages are read at once.
const PAGE: u16 = 100;

/// The function behind the schedule.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn sweeper(boot: Boot) -> Result<Function, BootError> {
    let outbox = Outbox::new(&boot, &crate::SWEEPER_NEEDS)?;
    Ok(Function::Schedule(Arc::new(move |_| {
        let outbox = outbox.clone();
        Box::pin(async move { Sweep::new(&outbox).run().await })
    })))
}

/// One run.
struct Sweep<'a> {
    outbox: &'a Outbox,
    now: Timestamp,
    tally: Mutex<Tally>,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    left: usize,
    unreadable: usize,
    oldest: Option<Timestamp>,
    /// Queues that do not answer or are not configured: their other messages would only spend the time of this run.
    silent: BTreeSet<String>,
}

impl<'a> Sweep<'a> {
    fn new(outbox: &'a Outbox) -> Self {
        Self { outbox, now: outbox.now(), tally: Mutex::default() }
    }

    /// Sends until nothing is left, enough is sent, or time is up; says in the log which and how much.
    async fn run(&self) -> Result<()> {
        let outcome = tokio::time::timeout(RUN_MAX, self.pages()).await;
        let tally = self.tally();
        let oldest_age_s = tally.oldest.map_or(0, |oldest| self.now.since(oldest).as_secs());
        tracing::info!(
            sent = tally.sent,
            left = tally.left,
            unreadable = tally.unreadable,
            oldest_age_s,
            is_cut_short = outcome.is_err(),
            "swept"
        );
        outcome.unwrap_or(Ok(()))
    }

    async fn pages(&self) -> Result<()> {
        let mut next: Option<String> = None;
        loop {
            let older_than = self.now - GRACE;
            let page = self.outbox.waiting(older_than, next.as_deref(), PAGE).await?;
            for item in &page.unreadable {
                tracing::error!(sk = item.sk, error = causes(&item.error), "an item is no message");
            }
            self.tally().unreadable += page.unreadable.len();
            stream::iter(page.messages)
                .for_each_concurrent(CONCURRENT_SENDS, |message| self.send(message))
                .await;
            if page.next.is_none() || self.tally().sent >= SENDS_MAX {
                return Ok(());
            }
            next = page.next;
        }
    }

    async fn send(&self, message: OutboxMessage) {
        self.tally().note_age(message.at);
        if self.tally().silent.contains(&message.queue) {
            self.tally().left += 1;
            return;
        }
        let outcome = self.outbox.deliver(&message).await;
        let mut tally = self.tally();
        match outcome {
            Ok(()) => tally.sent += 1,
            Err(error) => {
                tally.left += 1;
                if error.is_retryable() || !self.outbox.serves(&message.queue) {
                    tally.silent.insert(message.queue);
                }
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn note_age(&mut self, at: Timestamp) {
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
    }
}
