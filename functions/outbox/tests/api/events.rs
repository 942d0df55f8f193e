//! The events in `events/`, as AWS sends them.

use crate::desk::{Desk, MAIL};

#[tokio::test]
async fn the_relay_takes_the_event_of_a_stream() {
    let desk = Desk::new();
    let event = include_str!("../../../../events/outbox-relay.json");

    let answer = desk.relay(&[]).await(serde_json::from_str(event).unwrap()).await;

    assert!(answer.batch_item_failures.is_empty());
    let messages = desk.take_mail().await;
    assert_eq!(messages.len(), 1, "one insertion and one removal");
    let mailer = include_str!("../../../../events/identity-mailer.json");
    let mailer: serde_json::Value = serde_json::from_str(mailer).unwrap();
    assert_eq!(messages[0].body(), mailer["Records"][0]["body"].as_str(), "it is a job of the mailer");
}

#[tokio::test]
async fn the_sweeper_takes_the_event_of_a_schedule() {
    let desk = Desk::new();
    desk.commit(MAIL, [1]).await;
    desk.lab.advance(std::time::Duration::from_mins(2));
    let event = include_str!("../../../../events/outbox-sweeper.json");

    let sweep = desk.sweeper(&[]).await;
    sweep(serde_json::from_str(event).unwrap()).await.unwrap();

    assert_eq!(desk.take_numbers().await, [1]);
}
