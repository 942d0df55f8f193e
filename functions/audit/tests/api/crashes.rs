//! Sequencers that die between any two of their steps, and several at once, make one history.

use std::collections::BTreeSet;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use futures_util::future::join_all;
use testkit::{Effect, InjectedFault, Service};

use crate::archive::{Archive, sweeper};

/// After how many calls to a service a sequencer is cut off from it, at most: a run makes fewer.
const CALLS_MAX: u32 = 60;

async fn cut_off_after_every_call(service: Service, effect: Effect) {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..250).await;
    archive.sequence().await.unwrap();
    let mut size = 251;
    for calls in 0..CALLS_MAX {
        archive.commit("note.update", 0..10).await;
        let before = archive.checkpoint().await;
        archive.lab.cloud().inject(vec![InjectedFault::on(service, effect).after(calls).of("audit-sweeper")]);
        let cut = archive.sequence().await;
        archive.lab.cloud().inject(Vec::new());
        let after = archive.checkpoint().await;
        assert!(after == before || after.size == size + 10, "after {calls} calls: {before:?}, {after:?}");
        archive.sequence().await.unwrap();
        size += 10;
        let history = archive.history().await;
        let distinct: BTreeSet<_> = history.iter().map(|leaf| leaf.entry.id).collect();
        assert_eq!((history.len() as u64, distinct.len()), (size, history.len()), "after {calls} calls");
        if cut.is_ok() {
            return;
        }
    }
    panic!("a run makes more than {CALLS_MAX} calls");
}

#[tokio::test(start_paused = true)]
async fn cut_off_from_the_tables_before_any_call() {
    cut_off_after_every_call(Service::Dynamo, Effect::Reset).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_from_the_tables_behind_any_call() {
    cut_off_after_every_call(Service::Dynamo, Effect::LostAnswer).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_from_the_bucket_before_any_call() {
    cut_off_after_every_call(Service::S3, Effect::Reset).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_from_the_bucket_behind_any_call() {
    cut_off_after_every_call(Service::S3, Effect::LostAnswer).await;
}

/// What another sequencer has filed and not published yet is under way: whoever read the head before that must not take
/// it out of the inbox, from which it would be gone on with.
#[tokio::test(start_paused = true)]
async fn what_another_has_under_way_stays_in_the_inbox() {
    let archive = Archive::new().await;
    archive.commit("note.create", 0..3).await;
    let cut = InjectedFault::on(Service::Dynamo, Effect::Reset).operation("PutItem").of("audit-sweeper");
    archive.lab.cloud().inject(vec![cut]);
    archive.sequence().await.unwrap_err();
    archive.lab.cloud().inject(Vec::new());
    let store = archive.lab.store();
    let waiting = store.inbox(1000).await.unwrap();
    assert_eq!(waiting.len(), 4);
    assert_eq!(
        store.unlogged(waiting.clone(), 0).await.unwrap(),
        waiting,
        "they are filed, and not in the log"
    );
    assert_eq!(store.inbox(1000).await.unwrap(), waiting);
    archive.sequence().await.unwrap();
    assert_eq!(archive.history().await.len(), 4);
    assert!(store.unlogged(waiting, 4).await.unwrap().is_empty(), "now they are");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sequencers_at_once_make_one_history() {
    let archive = Archive::new().await;
    let boots = || (0..4).map(|_| archive.lab.boot("audit-sweeper"));
    let mut expected = 1;
    for round in 0..6 {
        archive.commit("note.update", 0..40 + round).await;
        expected += 40 + usize::try_from(round).unwrap();
        let runs = boots().map(|boot| async {
            let run = sweeper(boot).await;
            tokio::spawn(run(EventBridgeEvent::default())).await.unwrap()
        });
        for outcome in join_all(runs).await {
            outcome.unwrap();
        }
        let history = archive.history().await;
        let distinct: BTreeSet<_> = history.iter().map(|leaf| leaf.entry.id).collect();
        assert_eq!((history.len(), distinct.len()), (expected, expected));
    }
}
