//! A database that is slow, silent or in conflict.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use kernel::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Change, Entity, Key, Store, Table, ephemeral};

use crate::note::{Note, actor, store_over, table};

/// What one operation is answered with in place of the cloud's answer.
#[derive(Clone, Debug)]
enum Fault {
    Silence,
    Answer(u16, Value),
}

#[derive(Debug)]
struct Connector {
    aws: SharedHttpConnector,
    operation: &'static str,
    fault: Fault,
    times: u32,
    calls: Arc<AtomicU32>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if !target.ends_with(self.operation) || self.calls.fetch_add(1, Ordering::SeqCst) >= self.times {
            return self.aws.call(request);
        }
        match &self.fault {
            Fault::Silence => HttpConnectorFuture::new(std::future::pending()),
            Fault::Answer(status, body) => {
                let body = SdkBody::from(body.to_string());
                HttpConnectorFuture::ready(Ok(HttpResponse::new((*status).try_into().unwrap(), body)))
            }
        }
    }
}

/// The same configuration, under which an operation fails the first `times`; and how often it was called.
fn failing(
    operation: &'static str,
    fault: Fault,
    times: u32,
) -> (impl Fn(SdkConfig) -> SdkConfig, Arc<AtomicU32>) {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let over = move |config: SdkConfig| {
        let (aws, fault, calls) = (config.http_client().unwrap(), fault.clone(), Arc::clone(&counted));
        let client = http_client_fn(move |settings, components| {
            let aws = aws.http_connector(settings, components);
            let (fault, calls) = (fault.clone(), Arc::clone(&calls));
            SharedHttpConnector::new(Connector { aws, operation, fault, times, calls })
        });
        config.to_builder().http_client(client).build()
    };
    (over, calls)
}

fn cancelled(reasons: &[&str]) -> Fault {
    let reasons: Vec<Value> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Fault::Answer(400, json!({"__type": kind, "Message": "cancelled", "CancellationReasons": reasons}))
}

fn create(name: &str) -> Change {
    Change::new("note.create", "note", name)
        .create(&Note::new(name, ""), Error::conflict("exists", "it exists"))
}

async fn exists(store: &Store, name: &str) -> bool {
    store.get_consistent::<Note>(&Note::key_of(name)).await.unwrap().is_some()
}

/// Time passes only while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_transaction_that_collides_is_tried_eight_times() {
    for (reasons, times, outcome, tries) in [
        (["TransactionConflict", "None"], 3, "done", 4),
        (["None", "TransactionConflict"], 7, "done", 8),
        (["TransactionConflict", "None"], 8, "unavailable", 8),
        (["ConditionalCheckFailed", "TransactionConflict"], 1, "exists", 1),
        (["ConditionalCheckFailed", "None"], 1, "exists", 1),
        (["ThrottlingError", "None"], 1, "unavailable", 1),
    ] {
        let (over, calls) = failing("TransactWriteItems", cancelled(&reasons), times);
        let (store, _cloud) = store_over(over);
        let found = match store.commit(&actor(), create("n")).await {
            Ok(()) => "done",
            Err(Error::Conflict { rule, .. }) => rule,
            Err(Error::Unavailable { .. }) => "unavailable",
            Err(error) => panic!("{error}"),
        };
        assert_eq!((found, calls.load(Ordering::SeqCst)), (outcome, tries), "{reasons:?} {times} times");
        assert_eq!(exists(&store, "n").await, outcome == "done");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_leaves_unread_is_asked_for_again_and_not_for_ever() {
    for (times, is_read, tries) in [(3, true, 4), (7, true, 8), (8, false, 8)] {
        let key = json!({"pk": {"S": "board#b"}, "sk": {"S": "note#n"}});
        let left = json!({"Responses": {}, "UnprocessedKeys": {table(): {"Keys": [key]}}});
        let (over, calls) = failing("BatchGetItem", Fault::Answer(200, left), times);
        let (store, _cloud) = store_over(over);
        store.commit(&actor(), create("n")).await.unwrap();

        // The pauses are of random length; all together they are none once in 10^13 times.
        let keys = [Note::key_of("n")];
        let read = store.get_many::<Note>(&keys);
        tokio::pin!(read);
        if times >= 7 {
            let at_once = tokio::time::timeout(Duration::from_millis(1), &mut read).await;
            assert!(at_once.is_err(), "it waits in between");
        }
        let read = read.await;

        match read {
            Ok(notes) => assert!(is_read && notes.len() == 1),
            Err(error) => assert!(!is_read && matches!(error, Error::Unavailable { .. }), "{error}"),
        }
        assert_eq!(calls.load(Ordering::SeqCst), tries);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_says_nothing_is_given_up_after_three_seconds() {
    for (operation, times, is_answered) in
        [("GetItem", 1, true), ("GetItem", 9, false), ("TransactWriteItems", 1, true), ("Query", 9, false)]
    {
        let (over, _) = failing(operation, Fault::Silence, times);
        let (store, _cloud) = store_over(over);
        let call = async {
            match operation {
                "GetItem" => store.ping(Note::TABLE).await,
                "Query" => store.all(&Note::all()).await.map(|_| ()),
                _ => store.commit(&actor(), create("n")).await,
            }
        };
        let outcome = tokio::time::timeout(Duration::from_millis(3100), call).await.expect("in time");
        assert_eq!(outcome.is_ok(), is_answered, "{operation} {times}");
        assert!(outcome.is_ok() || matches!(outcome, Err(Error::Unavailable { .. })));
    }
}

/// Something that is counted.
#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    n: u32,
}

impl Counter {
    fn key_of() -> Key {
        Key::new("counter", "counter")
    }

    fn next(old: Option<&Self>) -> Self {
        Self { n: old.map_or(0, |old| old.n) + 1 }
    }
}

impl Entity for Counter {
    const KIND: &'static str = "counter";
    const TABLE: Table = ephemeral::TABLE;

    fn key(&self) -> Key {
        Self::key_of()
    }
}

#[tokio::test]
async fn an_update_is_made_of_what_others_have_written_or_not_at_all() {
    let lost = json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"});
    for (times, is_written) in [(0, true), (1, true), (19, true), (20, false)] {
        let (over, calls) = failing("PutItem", Fault::Answer(400, lost.clone()), times);
        let (store, _cloud) = store_over(over);
        let update = store.update_ephemeral(&Counter::key_of(), |old| Ok(Counter::next(old))).await;
        assert_eq!(update.is_ok(), is_written, "{times}");
        assert!(is_written || matches!(update, Err(Error::TooManyRequests { .. })));
        assert_eq!(calls.load(Ordering::SeqCst), (times + 1).min(20));
    }

    let (store, _cloud) = store_over(|config| config);
    let key = Counter::key_of();
    let updates = (0..8).map(|_| store.update_ephemeral(&key, |old| Ok(Counter::next(old))));
    assert!(futures_util::future::join_all(updates).await.iter().all(Result::is_ok));
    let refused = store.update_ephemeral(&key, |_: Option<&Counter>| Err(Error::NotFound("reason"))).await;
    assert!(matches!(refused, Err(Error::NotFound("reason"))));
    assert_eq!(store.get_consistent::<Counter>(&key).await.unwrap().unwrap().n, 8);
}
