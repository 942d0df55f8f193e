//! `audit-eraser`: when an account was erased, forgets what opens the commitments to the person in the log's entries.
//!
//! The log itself is left as it is, and still verifies: only salts and values beside it go, without which a commitment
//! leads back to nothing. A message comes a minute after the account has gone, when every request that was under way has
//! ended; while the inbox still holds something from before, it waits, and then comes again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kernel::{
    Error, Result,
    id::{AuditId, Id as _, uuid_v7},
};
use platform::{Boot, BootError, Function, config::Reader, function::each_message};
use store::{
    Query, SealingKey, Store,
    audit::{self, Erased},
    ledger::{self, LoggedEntry},
};

/// For so long after an account has gone a request may still begin with its tokens: revocations are read every 5 s, and
/// clocks differ a little.
const AFTERMATH: Duration = Duration::from_secs(10);

/// How many entries of the inbox are looked at.
const WAITING_MAX: u16 = 1000;

/// How often it is looked whether the log has them, and how often at most: half of what its Lambda may take.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS_MAX: usize = 30;

/// How long after a row was filed the indexes have it, at the latest: they follow within a fraction of a second.
const INDEXES_FOLLOW: Duration = Duration::from_secs(5);

/// The function behind the erasure queue.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn eraser(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::ERASER_NEEDS);
    let inbox = env.required::<String>(audit::TABLE.0);
    let ledger = env.required::<String>(ledger::TABLE.0);
    let (inbox, ledger) = env.finish(|| inbox.zip(ledger))?;
    let tables = HashMap::from([(audit::TABLE, inbox), (ledger::TABLE, ledger)]);
    // Nothing is sealed here: no cursor leaves, no answer is recorded.
    let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
    Ok(Function::Sqs(Arc::new(move |event, _| {
        let store = store.clone();
        Box::pin(async move { each_message(&event, |body| erase(&store, body)).await })
    })))
}

/// Forgets a person; says what became of it.
async fn erase(store: &Store, body: &str) -> Result<&'static str> {
    let person: Erased =
        serde_json::from_str(body).map_err(|error| Error::internal("read who was erased", error))?;
    // An id begins with its time.
    let last = AuditId::from_uuid(uuid_v7(person.at + AFTERMATH, [0xff; 10]));
    wait_for_log(store, last).await?;
    tokio::time::sleep(INDEXES_FOLLOW).await;
    let mut redacted = 0;
    for query in everything_of(&person) {
        redacted += store.redact(&query, &person).await?;
    }
    tracing::info!(redacted, "entries tell nothing of a person any more");
    Ok("erased")
}

/// Waits until nothing up to this id is in the inbox.
///
/// # Errors
/// [`Error::Unavailable`] when the sequencer takes too long: the message comes again.
async fn wait_for_log(store: &Store, last: AuditId) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        if store.inbox(WAITING_MAX).await?.iter().all(|waiting| waiting.entry.id > last) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Error::unavailable("forget a person", "entries from before still wait for the log"))
}

/// Where entries may tell of a person.
fn everything_of(person: &Erased) -> Vec<Query<LoggedEntry>> {
    let mut queries = vec![LoggedEntry::of_tenant(person.tenant_id).consistent()];
    for name in &person.names {
        queries.push(LoggedEntry::by_actor_anywhere(name));
        queries.push(LoggedEntry::by_target_anywhere(name));
    }
    queries
}
