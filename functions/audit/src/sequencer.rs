//! `audit-sequencer` and `audit-sweeper`: from the inbox into the log, one sequencer at a time.
//!
//! Any number may run. Whoever moves the head from "idle" to "taking these entries in" has decided the order; from then
//! on everybody who comes does the same work, byte for byte, until the head says that it is done:
//!
//! 1. the head names the entries that are taken in (conditional on the head as it was read);
//! 2. their tiles and bundles are written, the same bytes at the same paths whoever writes them;
//! 3. their rows are written, for as long as the head still names them;
//! 4. the head moves to the new size, with its signed checkpoint: this publishes it;
//! 5. the inbox lets go of them.
//!
//! Whoever is killed between two steps is continued by the next.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_lambda_events::dynamodb::Event;
use kernel::{Error, Result, id::AuditId};
use platform::{
    Boot, BootError, Function, bucket::Bucket, config::Reader, edge::PublicUrl, function::failed_record,
    secrets::Secrets, telemetry::causes,
};
use store::{
    SealingKey, Store, Stored,
    audit::{self, AuditEntry},
    ledger::{self, Head, Work},
};
use tlog::{Checkpoint, Hash, SigningKey, hash};

use crate::{log::Log, signing::LogKey, take_in::take_in};

/// How many entries are taken in at once.
const ENTRIES_MAX: u16 = 1000;

/// How long one run takes; its Lambda is stopped after 30 s.
const RUN_MAX: Duration = Duration::from_secs(24);

/// How long is waited for another sequencer that was faster.
const PAUSE: Duration = Duration::from_millis(20);

/// The function behind the inbox's stream.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn sequencer(boot: Boot) -> Result<Function, BootError> {
    let sequencer = Sequencer::new(&boot)?;
    Ok(Function::Stream(Arc::new(move |event| {
        let sequencer = sequencer.clone();
        Box::pin(async move {
            let failed = sequencer.hear(&event).await.is_err();
            let first = event.records.into_iter().next().and_then(|record| record.change.sequence_number);
            failed_record(first.filter(|_| failed))
        })
    })))
}

/// The function behind the schedule.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn sweeper(boot: Boot) -> Result<Function, BootError> {
    let sequencer = Sequencer::new(&boot)?;
    Ok(Function::Schedule(Arc::new(move |_| {
        let sequencer = sequencer.clone();
        Box::pin(async move { sequencer.run().await })
    })))
}

#[derive(Clone, Debug)]
struct Sequencer {
    store: Store,
    log: Log,
    key: LogKey,
}

/// What one round came to.
enum Round {
    /// Nothing waits any more.
    Idle,
    /// So many entries were taken in, from that place on, and the inbox has let go of them.
    Taken { first: u64, count: usize },
    /// Another sequencer moved the head meanwhile.
    Overtaken,
}

impl Sequencer {
    fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::SEQUENCER_NEEDS);
        let inbox = env.required::<String>(audit::TABLE.0);
        let ledger = env.required::<String>(ledger::TABLE.0);
        let bucket = env.required::<String>(crate::LOG_BUCKET);
        let secret = env.required::<String>(crate::KEY_SECRET);
        let public_url = env.required::<PublicUrl>("PUBLIC_URL");
        let (tables, bucket, secret, public_url) = env.finish(|| {
            Some((
                HashMap::from([(audit::TABLE, inbox?), (ledger::TABLE, ledger?)]),
                bucket?,
                secret?,
                public_url?,
            ))
        })?;
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
        Ok(Self {
            log: Log::new(store.clone(), Bucket::new(&boot.aws, bucket)),
            store,
            key: LogKey::new(Secrets::new(&boot.aws, boot.clock.clone()), secret, &public_url),
        })
    }

    /// A batch of the stream says that something was put into the inbox, or taken out of it; what that is, the inbox
    /// itself tells best.
    async fn hear(&self, event: &Event) -> Result<()> {
        if event.records.iter().any(|record| record.event_name == "INSERT") {
            self.run().await
        } else {
            Ok(())
        }
    }

    /// Takes entries in until none waits, or time is up.
    async fn run(&self) -> Result<()> {
        let (mut taken, mut cleared) = (0, None);
        let rounds = async {
            loop {
                match self.round(cleared).await? {
                    Round::Idle => return Ok(()),
                    Round::Taken { first, count } => {
                        taken += count;
                        cleared = Some(first);
                    }
                    Round::Overtaken => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        let outcome = tokio::time::timeout(RUN_MAX, rounds).await;
        match &outcome {
            Ok(Ok(())) if taken == 0 => {}
            Ok(Ok(())) => tracing::info!(taken, "the log took entries in"),
            Ok(Err(error)) => {
                tracing::error!(taken, error = causes(error), "the log could not take entries in");
            }
            Err(_) => tracing::warn!(taken, "entries still wait for the log"),
        }
        outcome.unwrap_or(Ok(()))
    }

    /// `cleared` is the place of the entries that this run has cleared out of the inbox already.
    async fn round(&self, cleared: Option<u64>) -> Result<Round> {
        let head = self.store.log_head().await?;
        let work = head.as_ref().and_then(|head| Some((head, head.work?)));
        if let Some((head, work)) = work.filter(|(_, work)| cleared != Some(work.first)) {
            let Some(ids) = self.store.batch(work).await? else { return Ok(Round::Overtaken) };
            if !work.is_logged {
                return self.resume(head, &ids).await;
            }
            self.store.clear_inbox(&ids).await?;
        }
        let size = head.as_ref().map_or(0, |head| head.size);
        let waiting = self.store.unlogged(self.store.inbox(ENTRIES_MAX).await?, size).await?;
        if waiting.is_empty() {
            return self.rest(head).await;
        }
        let ids = waiting.iter().map(|waiting| waiting.entry.id).collect();
        let next = head.as_ref().map_or_else(empty, |head| head.value.clone());
        match self.store.take_entries(ids, next, head.as_ref()).await? {
            Some(head) => self.log_entries(&head, waiting).await,
            None => Ok(Round::Overtaken),
        }
    }

    /// The inbox is empty: what was cleared out of it is forgotten.
    async fn rest(&self, head: Option<Stored<Head>>) -> Result<Round> {
        if let Some(head) = head.filter(|head| head.work.is_some()) {
            let next = Head { work: None, ..head.value.clone() };
            self.store.move_head(next, Some(&head)).await?;
        }
        Ok(Round::Idle)
    }

    /// Goes on where another sequencer stopped, or still is.
    async fn resume(&self, head: &Stored<Head>, ids: &[AuditId]) -> Result<Round> {
        match self.store.in_inbox(ids).await {
            Ok(entries) => self.log_entries(head, entries).await,
            // It is done: they were taken out meanwhile.
            Err(_) if self.has_moved(head).await? => Ok(Round::Overtaken),
            Err(error) => Err(error),
        }
    }

    async fn has_moved(&self, head: &Stored<Head>) -> Result<bool> {
        Ok(self.store.log_head().await?.is_none_or(|now| now.value != head.value))
    }

    /// Steps 2 to 5.
    async fn log_entries(&self, head: &Stored<Head>, entries: Vec<AuditEntry>) -> Result<Round> {
        let count = entries.len();
        let key = self.key.get().await?;
        require_own(head, &key)?;
        let longer = take_in(head, self.log.edge(head.size).await?, entries)?;
        self.log.write(longer.objects).await?;
        match self.store.file_entries(head, &longer.entries).await {
            Err(Error::Conflict { rule: "head_moved", .. }) => return Ok(Round::Overtaken),
            filed => filed?,
        }
        let ids: Vec<AuditId> = longer.entries.iter().map(|logged| logged.audit.entry.id).collect();
        let checkpoint = Checkpoint::new(key.name(), longer.size, longer.root);
        let next = Head {
            size: longer.size,
            root: longer.root,
            last: longer.last,
            checkpoint: checkpoint.sign(&key).map_err(|error| Error::internal("sign a checkpoint", error))?,
            vkey: key.verifier().to_string(),
            work: Some(Work { first: head.size, is_logged: true }),
        };
        match self.store.move_head(next, Some(head)).await? {
            Some(_) => self.store.clear_inbox(&ids).await.map(|()| Round::Taken { first: head.size, count }),
            None => Ok(Round::Overtaken),
        }
    }
}

/// Requires that what is extended is what this key has signed: whoever can write to the table and to the bucket, and has
/// not the key, gets nothing signed that was not.
fn require_own(head: &Head, key: &SigningKey) -> Result<()> {
    if head.size == 0 {
        return Ok(());
    }
    let fault = |cause: String| Error::internal("extend the log: its head was altered", cause);
    let signed = Checkpoint::open(&head.checkpoint, key.name(), std::slice::from_ref(key.verifier()));
    let Checkpoint { size, root, .. } = signed.map_err(|error| fault(error.to_string()))?.checkpoint;
    if (size, root) == (head.size, head.root) {
        Ok(())
    } else {
        Err(fault(format!(
            "it says {} entries and {}, and signed are {size} and {root}",
            head.size, head.root
        )))
    }
}

/// The head of a log without entries.
fn empty() -> Head {
    Head {
        size: 0,
        root: hash::empty(),
        last: Hash::ZERO,
        checkpoint: String::new(),
        vkey: String::new(),
        work: None,
    }
}
