//! All of a change happens, with its audit entry, or nothing.

use kernel::Error;
use store::{
    Change, Query, Store,
    audit::{self, AuditEntry},
    outbox::OutboxMessage,
};

use crate::note::{Greedy, Note, actor, store};

async fn entries(store: &Store) -> Vec<AuditEntry> {
    store.inbox(1000).await.unwrap()
}

fn exists() -> Error {
    Error::conflict("exists", "it exists")
}

#[tokio::test]
async fn a_change_carries_its_entry_and_its_message() {
    let (store, _cloud) = store();
    let note = Note::new("n", "first");
    let change = Change::new("note.create", "note", "n")
        .create(&note, exists())
        .enqueue("MAIL_QUEUE_URL", &serde_json::json!({"n": 1}));
    store.commit(&actor(), change).await.unwrap();

    assert_eq!(store.get::<Note>(&Note::key_of("n")).await.unwrap().unwrap().value, note);
    let entries = entries(&store).await;
    assert_eq!(entries.len(), 1);
    let AuditEntry { entry, openings } = &entries[0];
    assert_eq!(entry.action, "note.create");
    assert!(entry.before.is_none() && entry.after.is_some());
    let opening = openings.request_id.as_ref().unwrap();
    assert_eq!(opening.value, "request-1");
    assert!(entry.request_id.verify(&opening.salt, audit::field::REQUEST_ID, b"request-1"));
    assert!(!entry.client.verify(&opening.salt, audit::field::REQUEST_ID, b"request-1"));
    let waiting = Query::<OutboxMessage>::index(OutboxMessage::by_age(), OutboxMessage::WAITING, "");
    let waiting = store.all(&waiting).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].body, r#"{"n":1}"#);
}

#[tokio::test]
async fn a_broken_condition_writes_nothing_and_gives_its_own_error() {
    let (store, _cloud) = store();
    let first = Change::new("note.create", "note", "a").create(&Note::new("a", ""), exists());
    store.commit(&actor(), first).await.unwrap();
    let both = Change::new("note.create", "note", "b")
        .create(&Note::new("b", ""), Error::conflict("other", "not this one"))
        .create(&Note::new("a", ""), exists())
        .enqueue("MAIL_QUEUE_URL", &1);
    let error = store.commit(&actor(), both).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { rule: "exists", .. }), "{error}");
    assert!(store.get::<Note>(&Note::key_of("b")).await.unwrap().is_none());
    assert_eq!(entries(&store).await.len(), 1, "the failed change left no entry");
}

#[tokio::test]
async fn what_changed_meanwhile_is_not_overwritten() {
    let (store, _cloud) = store();
    let create = Change::new("note.create", "note", "n").create(&Note::new("n", "1"), exists());
    store.commit(&actor(), create).await.unwrap();
    let read = store.get_consistent::<Note>(&Note::key_of("n")).await.unwrap().unwrap();
    let update = |text| Change::new("note.update", "note", "n").replace(&read, &Note::new("n", text));
    store.commit(&actor(), update("2")).await.unwrap();
    let stale = [
        update("3"),
        Change::new("note.delete", "note", "n").delete(&read),
        Change::new("note.copy", "note", "n").require(&read).create(&Note::new("copy", ""), exists()),
    ];
    for change in stale {
        let name = format!("{change:?}");
        assert!(matches!(store.commit(&actor(), change).await, Err(Error::Conflict { .. })), "{name}");
    }
    assert_eq!(store.get::<Note>(&Note::key_of("n")).await.unwrap().unwrap().text, "2");
}

#[tokio::test]
async fn what_has_to_exist_is_not_read_and_may_change() {
    let (store, _cloud) = store();
    let copy = |of: &str| {
        let missing = Error::conflict("missing", "there is none");
        let change =
            Change::new("note.copy", "note", of).require_exists::<Note>(Note::key_of("first"), missing);
        change.create(&Note::new(of, ""), exists())
    };
    let error = store.commit(&actor(), copy("early")).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { rule: "missing", .. }), "{error}");
    assert!(store.get::<Note>(&Note::key_of("early")).await.unwrap().is_none());
    for (text, id) in [("1", "second"), ("2", "third")] {
        let put = Change::new("note.put", "note", "first").put(&Note::new("first", text));
        store.commit(&actor(), put).await.unwrap();
        store.commit(&actor(), copy(id)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_writers_who_read_the_same_one_wins() {
    let (store, _cloud) = store();
    let create = Change::new("note.create", "note", "n").create(&Note::new("n", "0"), exists());
    store.commit(&actor(), create).await.unwrap();
    let read = store.get_consistent::<Note>(&Note::key_of("n")).await.unwrap().unwrap();
    let writers = (0..50).map(|n| {
        let (store, read) = (store.clone(), read.clone());
        tokio::spawn(async move {
            let next = Note::new("n", &n.to_string());
            store.commit(&actor(), Change::new("note.update", "note", "n").replace(&read, &next)).await
        })
    });
    let outcomes = futures_util::future::join_all(writers).await;
    assert_eq!(outcomes.into_iter().filter(|outcome| outcome.as_ref().unwrap().is_ok()).count(), 1);
    assert_eq!(entries(&store).await.len(), 2);
}

#[tokio::test]
async fn an_entity_may_not_use_our_names() {
    let (store, _cloud) = store();
    let change =
        Change::new("greedy.create", "greedy", "g").create(&Greedy { kind: String::new() }, exists());
    assert!(matches!(store.commit(&actor(), change).await, Err(Error::Internal { .. })));
}

#[tokio::test]
async fn an_item_of_another_kind_is_not_read_as_this_one() {
    let (store, _cloud) = store();
    let create = Change::new("note.create", "note", "n").create(&Note::new("n", ""), exists());
    store.commit(&actor(), create).await.unwrap();
    let wrong = store.get::<Greedy>(&Note::key_of("n")).await;
    assert!(matches!(wrong, Err(Error::Internal { .. })));
}
