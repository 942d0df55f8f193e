//! One request, one effect, one answer.

use std::time::Duration;

use kernel::Error;
use store::{
    Change,
    idempotency::{Begun, Reply},
};

use crate::note::{NOW, Note, actor, store};

fn reply(body: &str) -> Reply {
    Reply { status: 201, headers: vec![("location".to_owned(), "/n".to_owned())], body: body.to_owned() }
}

fn create() -> Change {
    Change::new("note.create", "note", "n")
        .create(&Note::new("n", ""), Error::conflict("exists", "it exists"))
}

#[tokio::test]
async fn the_first_answer_is_given_again_for_a_day() {
    let (store, _cloud) = store();
    let Begun::Claimed(claim) = store.claim("key", "request", NOW).await.unwrap() else { panic!("claimed") };
    let actor = actor();
    actor.claim.fill(claim);
    store.commit(&actor, create().answering(reply("secret"))).await.unwrap();
    assert!(actor.claim.take().is_none(), "the commit has settled the claim");

    let almost_a_day = NOW + Duration::from_hours(24) - Duration::from_millis(1);
    for at in [NOW, almost_a_day] {
        match store.claim("key", "request", at).await.unwrap() {
            Begun::Answered(again) => assert_eq!(again, reply("secret")),
            Begun::Claimed(_) => panic!("it was answered"),
        }
    }
    assert!(matches!(store.claim("key", "another", NOW).await, Err(Error::Invalid(_))));
    let later = store.claim("key", "another", NOW + Duration::from_hours(24)).await.unwrap();
    assert!(matches!(later, Begun::Claimed(_)), "after a day the key is free, though TTL has not removed it");
}

#[tokio::test]
async fn a_running_request_is_not_run_twice_until_its_lease_ends() {
    let (store, _cloud) = store();
    let first = store.claim("key", "request", NOW).await.unwrap();
    match store.claim("key", "request", NOW).await {
        // It mostly is done long before its lease ends.
        Err(Error::InProgress { retry_after }) => assert_eq!(retry_after, Duration::from_secs(1)),
        other => panic!("{other:?}"),
    }
    let later = NOW + Duration::from_secs(31);
    let Begun::Claimed(second) = store.claim("key", "request", later).await.unwrap() else {
        panic!("claimed")
    };
    // The first was only slow: its commit must not happen beside that of the second.
    let (slow, fast) = (actor(), actor());
    if let Begun::Claimed(first) = first {
        slow.claim.fill(first);
    }
    fast.claim.fill(second);
    store.commit(&fast, create().answering(reply("fast"))).await.unwrap();
    let other =
        Change::new("note.create", "note", "m").create(&Note::new("m", ""), Error::conflict("exists", ""));
    let lost = store.commit(&slow, other.answering(reply("slow"))).await;
    assert!(matches!(lost, Err(Error::InProgress { .. })));
    assert!(store.get::<Note>(&Note::key_of("m")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_released_key_is_free_at_once() {
    let (store, _cloud) = store();
    let Begun::Claimed(claim) = store.claim("key", "request", NOW).await.unwrap() else { panic!("claimed") };
    store.release(claim).await.unwrap();
    assert!(matches!(store.claim("key", "corrected", NOW).await.unwrap(), Begun::Claimed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_claims_one_is_given() {
    let (store, _cloud) = store();
    let claims = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.claim("key", "request", NOW).await })
    });
    let outcomes = futures_util::future::join_all(claims).await;
    let claimed =
        outcomes.iter().filter(|outcome| matches!(outcome.as_ref().unwrap(), Ok(Begun::Claimed(_))));
    assert_eq!(claimed.count(), 1);
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome.as_ref().unwrap(), Err(Error::InProgress { .. })));
    assert_eq!(refused.count(), 49);
}
