//! The events in `events/`, as AWS sends them.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde_json::Value;
use testkit::Lab;

use crate::plant::{DEAD, LEFT, Plant, dead_letters, relay, scheduler, sweeper, worker};

#[tokio::test]
async fn an_api_gateway_event_is_answered_in_its_form() {
    let app = Lab::new().http("jobs", jobs::function).await;
    let answer = app.replay(include_str!("../../../../events/jobs.json")).await;

    assert_eq!(answer["statusCode"], 401, "{answer}");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["instance"], "/api/v1/jobs/types");
}

#[tokio::test(start_paused = true)]
async fn a_stream_s_event_sends_a_message() {
    let plant = Plant::new().await;
    let event = serde_json::from_str(include_str!("../../../../events/jobs-relay.json")).unwrap();
    let answer = relay(plant.lab.boot("jobs-relay")).await(event).await;
    assert!(answer.batch_item_failures.is_empty());
    let messages = plant.queue.receive(10).await;
    let message = messages[0].body().unwrap();
    let worker_s: Value = serde_json::from_str(include_str!("../../../../events/jobs-worker.json")).unwrap();
    assert_eq!(worker_s["Records"][0]["body"], message, "it is what the worker gets");
}

#[tokio::test(start_paused = true)]
async fn a_message_about_a_job_that_is_gone_is_done_with() {
    let lab = Lab::new().in_virtual_time();
    let event = serde_json::from_str(include_str!("../../../../events/jobs-worker.json")).unwrap();
    let answer = worker(lab.boot("jobs-worker")).await(event, LEFT.into()).await;
    assert!(answer.batch_item_failures.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_filed() {
    let plant = Plant::new().await;
    let event = serde_json::from_str(include_str!("../../../../events/jobs-dead-letters.json")).unwrap();
    let answer = dead_letters(plant.lab.boot("jobs-dead-letters")).await(event, LEFT.into()).await;
    assert!(answer.batch_item_failures.is_empty());
    let letters = plant.call("GET", DEAD).await.expect(200).json();
    assert_eq!(letters["items"][0]["body"], "poison", "{letters}");
}

#[tokio::test(start_paused = true)]
async fn a_tick_sweeps() {
    let lab = Lab::new().in_virtual_time();
    let event: EventBridgeEvent =
        serde_json::from_str(include_str!("../../../../events/jobs-sweeper.json")).unwrap();
    sweeper(lab.boot("jobs-sweeper")).await(event).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_schedule_asks_for_its_job() {
    let plant = Plant::new().await;
    let event: EventBridgeEvent =
        serde_json::from_str(include_str!("../../../../events/jobs-scheduler.json")).unwrap();
    scheduler(plant.lab.boot("jobs-scheduler")).await(event).await.unwrap();
    let image = plant.news().pop().unwrap();
    assert_eq!(image["dynamodb"]["NewImage"]["type"]["S"], "audit.export");
}
