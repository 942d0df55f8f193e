//! The events in `events/`, as AWS sends them.

use aws_lambda_events::{dynamodb::Event, eventbridge::EventBridgeEvent};
use serde_json::Value;
use testkit::{Lab, handler};

use crate::{
    archive::{Archive, sweeper},
    erasing::eraser,
};

#[tokio::test]
async fn an_api_gateway_event_is_answered_in_its_form() {
    let app = Lab::new().http("audit", audit::function).await;
    let answer = app.replay(include_str!("../../../../events/audit.json")).await;

    assert_eq!(answer["statusCode"], 404, "{answer}");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["instance"], "/api/v1/audit/checkpoint");
}

#[tokio::test]
async fn a_stream_s_event_takes_in_what_waits() {
    let archive = Archive::new().await;
    let event: Event = serde_json::from_str(include_str!("../../../../events/audit-sequencer.json")).unwrap();
    let run = handler::stream(audit::sequencer(archive.lab.boot("audit-sequencer")).await);
    assert!(run(event).await.batch_item_failures.is_empty());
    assert_eq!(archive.history().await.len(), 1);
}

#[tokio::test]
async fn a_tick_takes_in_what_waits() {
    let archive = Archive::new().await;
    let event: EventBridgeEvent =
        serde_json::from_str(include_str!("../../../../events/audit-sweeper.json")).unwrap();
    sweeper(archive.lab.boot("audit-sweeper")).await(event).await.unwrap();
    assert_eq!(archive.history().await.len(), 1);
}

#[tokio::test]
async fn a_day_s_tick_exports_the_log() {
    let archive = Archive::new().await;
    archive.sequence().await.unwrap();
    let event: EventBridgeEvent =
        serde_json::from_str(include_str!("../../../../events/audit-exporter.json")).unwrap();
    let run = handler::schedule(audit::exporter(archive.lab.boot("audit-exporter")).await);
    run(event).await.unwrap();
    assert!(archive.exported().await.contains_key("roots/2026-01-01"));
}

#[tokio::test(start_paused = true)]
async fn a_message_erases_a_person() {
    let archive = Archive::new().await;
    archive.lab.advance(std::time::Duration::from_hours(1));
    let event = serde_json::from_str(include_str!("../../../../events/audit-eraser.json")).unwrap();
    archive.sequence().await.unwrap();
    assert!(
        eraser(&archive.lab).await(event, std::time::Duration::MAX.into())
            .await
            .batch_item_failures
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_about_a_job_that_is_gone_is_done_with() {
    let archive = Archive::new().await;
    let event = serde_json::from_str(include_str!("../../../../events/audit-worker.json")).unwrap();
    let handler = crate::export_job::worker(&archive.lab).await;
    assert!(handler(event, std::time::Duration::MAX.into()).await.batch_item_failures.is_empty());
}
