use std::{collections::BTreeMap, time::Duration};

use aws_lambda_events::eventbridge::EventBridgeEvent;

use platform::{Function, job::QUEUES, queue::Queues};
use store::{audit::Erased, outbox::OutboxMessage};

use crate::{
    desk::{Desk, MAIL, UNKNOWN},
    silent,
};

const MINUTE: Duration = Duration::from_mins(1);
const INSTANT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_message_the_relay_never_saw_is_sent_after_a_minute() {
    let desk = Desk::new();
    desk.commit(MAIL, [1, 2]).await;
    desk.commit(Erased::QUEUE, [4]).await;
    for (queue, number) in QUEUES.into_iter().zip(5..) {
        desk.commit(queue, [number]).await;
    }

    desk.lab.advance(MINUTE);
    desk.sweep().await.unwrap();
    assert!(desk.take_mail().await.is_empty(), "the relay still has time");

    desk.lab.advance(INSTANT);
    desk.commit(MAIL, [3]).await;
    desk.sweep().await.unwrap();
    assert_eq!(desk.take_numbers().await, [1, 2]);
    assert_eq!(desk.waiting().await, 1, "the third is young");

    desk.sweep().await.unwrap();
    assert!(desk.take_mail().await.is_empty(), "it is sent once");

    let unused = desk.lab.unused("outbox-sweeper");
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[tokio::test]
async fn what_cannot_be_sent_does_not_stand_before_the_rest() {
    let desk = Desk::new();
    desk.poison().await;
    // More than a page of them, all older than the one that can be sent.
    desk.commit(UNKNOWN, 0..120).await;
    desk.lab.advance(Duration::from_secs(1));
    desk.commit(MAIL, [500]).await;
    desk.lab.advance(2 * MINUTE);

    desk.sweep().await.unwrap();

    assert_eq!(desk.take_numbers().await, [500]);
    assert_eq!(desk.waiting().await, 120);
}

/// Time stands still: it is the count that ends the run, however slow the machine.
#[tokio::test(start_paused = true)]
async fn a_run_ends_after_five_hundred_and_the_next_one_goes_on() {
    let desk = Desk::new();
    desk.commit(MAIL, 0..520).await;
    desk.lab.advance(2 * MINUTE);

    desk.sweep().await.unwrap();
    assert_eq!(desk.take_mail().await.len(), 500);
    assert_eq!(desk.waiting().await, 20);

    desk.sweep().await.unwrap();
    assert_eq!(desk.take_mail().await.len(), 20);
    assert_eq!(desk.waiting().await, 0);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_left_for_the_next_run() {
    let desk = Desk::new();
    desk.commit(UNKNOWN, 0..100).await;
    desk.commit(MAIL, [500]).await;
    desk.lab.advance(2 * MINUTE);
    let before = sends(&desk);

    let silent = [(UNKNOWN, "http://127.0.0.1:4566/000000000000/there-is-none")];
    let sweep = desk.sweeper(&silent).await;
    sweep(EventBridgeEvent::default()).await.unwrap();

    assert_eq!(desk.take_numbers().await, [500]);
    assert_eq!(desk.waiting().await, 100);
    assert!(sends(&desk) - before < 40, "the silent queue is not asked for each of its messages");
}

/// Time passes only while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_run_ends_in_time_when_nothing_answers() {
    let desk = Desk::new();
    let mut boot = desk.lab.boot("outbox-sweeper");
    boot.aws = silent::aws(&boot.aws);
    let Ok(Function::Schedule(sweep)) = outbox::sweeper(boot).await else {
        panic!("it is built without asking anybody")
    };

    let run = tokio::time::timeout(Duration::from_secs(9), sweep(EventBridgeEvent::default()));

    assert!(run.await.is_ok(), "its Lambda is stopped after 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_send_that_gets_no_answer_is_given_up_and_the_message_kept() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;
    let queues = Queues::new(
        &silent::aws(&desk.lab.cloud().sdk_config()),
        BTreeMap::from([(MAIL.to_owned(), "https://sqs.example.com/1/mail".parse().unwrap())]),
    );
    let mut records = desk.records().records;
    let message = OutboxMessage::from_image(records.remove(0).change.new_image).unwrap();

    let sent = tokio::time::timeout(Duration::from_secs(4), queues.send(&message)).await;

    assert!(sent.unwrap().unwrap_err().is_retryable());
    assert_eq!(desk.waiting().await, 1);
}

fn sends(desk: &Desk) -> u64 {
    let calls = desk.lab.cloud().calls();
    calls.get("sqs:SendMessage").copied().unwrap_or_default()
}

#[tokio::test]
async fn a_table_that_does_not_answer_fails_the_run() {
    let desk = Desk::new();
    let sweep = desk.sweeper(&[("OUTBOX_TABLE", "there-is-none")]).await;
    let error = sweep(EventBridgeEvent::default()).await;
    assert!(error.unwrap_err().is_retryable());
}
