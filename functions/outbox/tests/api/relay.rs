use std::collections::HashSet;

use platform::job::QUEUES;
use store::audit::Erased;
use testkit::REQUEST_ID;

use crate::desk::{Desk, MAIL, UNKNOWN, with};

const NO_QUEUE: &str = "http://127.0.0.1:4566/000000000000/there-is-none";

#[tokio::test]
async fn a_committed_message_reaches_its_queue_and_leaves_the_table() {
    let desk = Desk::new();
    desk.commit(MAIL, 0..40).await;
    desk.commit(Erased::QUEUE, [40]).await;
    for (queue, number) in QUEUES.into_iter().zip(41..) {
        desk.commit(queue, [number]).await;
    }
    assert_eq!(desk.waiting().await, 44);

    let answer = desk.relay(&[]).await(desk.records()).await;

    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(desk.waiting().await, 0);
    let messages = desk.take_mail().await;
    assert_eq!(messages.len(), 40);
    let attribute = |message: &aws_sdk_sqs::types::Message, name| {
        message.message_attributes().unwrap()[name].string_value().unwrap().to_owned()
    };
    let ids: HashSet<String> = messages.iter().map(|message| attribute(message, "message_id")).collect();
    assert_eq!(ids.len(), 40);
    assert!(messages.iter().all(|message| attribute(message, "request_id") == REQUEST_ID));

    // Reading the stream and sending what is given up is Lambda's to do.
    let mut unused = desk.lab.unused("outbox-relay").into_iter();
    let ours =
        unused.find(|unused| !unused.contains("/stream/") && !unused.ends_with("OutboxDeadLetterQueue"));
    assert_eq!(ours, None, "take it out of NEEDS and of the role in template.yaml");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_is_sent_its_messages_when_it_is_back() {
    use testkit::{Effect, InjectedFault, Service};
    for effect in [Effect::Throttle, Effect::Error, Effect::Deny, Effect::Reset, Effect::LatencyMs(60_000)] {
        let desk = Desk::new();
        desk.commit(MAIL, [1]).await;
        desk.lab.cloud().inject(vec![InjectedFault::on(Service::Sqs, effect)]);
        desk.relay(&[]).await(desk.records()).await;
        assert_eq!(desk.waiting().await, 1, "{effect:?}: it is kept");
        desk.lab.cloud().inject(Vec::new());
        desk.relay(&[]).await(desk.records()).await;
        assert_eq!((desk.waiting().await, desk.take_numbers().await), (0, vec![1]), "{effect:?}");
    }
}

#[tokio::test]
async fn removals_are_no_messages() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;
    let relay = desk.relay(&[]).await;
    relay(desk.records()).await;
    desk.take_mail().await;

    let mut removals = desk.records();
    removals.records.retain(|record| record.event_name == "REMOVE");
    assert_eq!(removals.records.len(), 1);
    assert!(relay(removals).await.batch_item_failures.is_empty());
    assert!(desk.take_mail().await.is_empty());
}

#[tokio::test]
async fn a_batch_that_comes_again_is_sent_once_more_and_loses_nothing() {
    let desk = Desk::new();
    desk.commit(MAIL, [1, 2]).await;
    let first = desk.records();
    let relay = desk.relay(&[]).await;
    relay(first.clone()).await;
    desk.commit(MAIL, [3]).await;

    let answer = relay(first).await;

    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(desk.take_numbers().await, [1, 1, 2, 2]);
    assert_eq!(desk.waiting().await, 1, "the third waits for its own record");
}

#[tokio::test]
async fn what_is_no_message_holds_nobody_up() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;
    desk.poison().await;
    desk.commit(MAIL, [2]).await;
    let mut batch = desk.records();
    batch.records[0].change.new_image = serde_json::from_str("{}").unwrap();

    let answer = desk.relay(&[]).await(batch).await;

    assert!(answer.batch_item_failures.is_empty(), "no retry mends it");
    assert_eq!(desk.take_numbers().await, [2]);
    assert_eq!(desk.waiting().await, 1, "the first is still there for the sweeper");
}

#[tokio::test]
async fn a_message_for_an_unknown_queue_stays_and_holds_nobody_up() {
    let desk = Desk::new();
    desk.commit(UNKNOWN, [1]).await;
    desk.commit(MAIL, [2]).await;

    let answer = desk.relay(&[]).await(desk.records()).await;

    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(desk.take_numbers().await, [2]);
    assert_eq!(desk.waiting().await, 1);
}

#[tokio::test]
async fn the_stream_goes_on_from_the_first_message_that_could_not_be_sent() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;
    desk.commit(UNKNOWN, [2, 3]).await;
    desk.commit(MAIL, [4]).await;
    let batch = desk.records();

    // The queue exists for the configuration, and does not answer.
    let answer = desk.relay(&[(UNKNOWN, NO_QUEUE)]).await(batch.clone()).await;

    let failures: Vec<_> =
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(failures, [batch.records[1].change.sequence_number.clone()]);
    assert_eq!(desk.take_numbers().await, [1, 4]);
    assert_eq!(desk.waiting().await, 2);

    // It comes back, and so do the records from there on.
    let mail = crate::desk::var(&desk.lab.boot("outbox-relay"), MAIL);
    let mut rest = batch;
    rest.records.drain(..1);
    let answer = desk.relay(&[(UNKNOWN, &mail)]).await(rest).await;
    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(desk.take_numbers().await, [2, 3, 4]);
    assert_eq!(desk.waiting().await, 0);
}

#[tokio::test]
async fn a_table_that_does_not_answer_costs_no_message() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;

    let relay = desk.relay(&[("OUTBOX_TABLE", "there-is-none")]).await;
    let answer = relay(desk.records()).await;

    assert!(answer.batch_item_failures.is_empty(), "it is sent");
    assert_eq!(desk.take_numbers().await, [1]);
    assert_eq!(desk.waiting().await, 1, "the sweeper sends it once more");
}

#[tokio::test]
async fn every_fault_of_the_configuration_is_told_at_once() {
    let desk = Desk::new();
    let boot = with(desk.lab.boot("outbox-relay"), &[("OUTBOX_TABLE", ""), (MAIL, "mail"), (UNKNOWN, "")]);
    let Err(error) = outbox::relay(boot).await else { panic!("it starts") };
    assert_eq!(error.exit_code(), 78);
    assert_eq!(
        error.to_string(),
        "configuration: OUTBOX_TABLE is not set; MAIL_QUEUE_URL: must be the URL of a queue; \
         UNKNOWN_QUEUE_URL: must be the URL of a queue"
    );
}
