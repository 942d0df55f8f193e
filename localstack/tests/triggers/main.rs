//! Triggers feeding small functions from an embedded cloud.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which may fail and may know the time"
)]

mod rotation;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use cloud::template::Event;
use cloud::{Cloud, Template};
use futures_util::FutureExt as _;
use localstack::invoke::{Functions, Loaded};
use localstack::{stop, trigger};
use platform::Function;
use platform::function::{failed_messages, failed_record};

const TEMPLATE: &str = r"
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties: { QueueName: work, VisibilityTimeout: 30 }
  GivenUp:
    Type: AWS::SQS::Queue
    Properties: { QueueName: given-up }
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: things
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
  Worker:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: worker } }
    Properties:
      Timeout: 1
      Events:
        Work:
          Type: SQS
          Properties: { Queue: !GetAtt Work.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures] }
  Follower:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: follower } }
    Properties:
      Timeout: 1
      Events:
        Change:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Things.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 3
            MaximumRetryAttempts: 2
            DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt GivenUp.Arn } }
            FunctionResponseTypes: [ReportBatchItemFailures]
";

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/work";

/// What a function has seen, in order.
type Seen = Arc<Mutex<Vec<String>>>;

fn template() -> Template {
    Template::parse(TEMPLATE, &BTreeMap::new()).unwrap()
}

fn only(template: &Template, binary: &str, function: Function) -> Functions {
    let declared = template.function(binary).unwrap().clone();
    Arc::new(BTreeMap::from([(declared.logical_id.clone(), Loaded { declared, function })]))
}

/// Notes every message; cannot handle those that begin with `bad`, panics at `panic`.
fn worker(seen: &Seen) -> Function {
    let seen = Arc::clone(seen);
    Function::Sqs(Arc::new(move |event, _| {
        let seen = Arc::clone(&seen);
        async move {
            let mut failed = Vec::new();
            for message in event.records {
                let body = message.body.unwrap();
                assert!(
                    message.event_source_arn.unwrap().ends_with(":work")
                        && message.attributes.contains_key("SentTimestamp")
                );
                seen.lock().unwrap().push(body.clone());
                assert_ne!(body, "panic");
                if body.starts_with("bad") {
                    failed.push(message.message_id.unwrap());
                }
            }
            failed_messages(failed)
        }
        .boxed()
    }))
}

/// Notes every change; cannot handle the key `bad`, panics at `panic`.
fn follower(seen: &Seen) -> Function {
    let seen = Arc::clone(seen);
    Function::Stream(Arc::new(move |event| {
        let seen = Arc::clone(&seen);
        async move {
            for record in event.records {
                let key: String = serde_json::to_value(&record.change.new_image).unwrap()["pk"]["S"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                seen.lock().unwrap().push(key.clone());
                assert_ne!(key, "panic");
                if key == "bad" {
                    return failed_record(record.change.sequence_number);
                }
            }
            failed_record(None)
        }
        .boxed()
    }))
}

async fn send(cloud: &Cloud, body: &str) {
    let client = aws_sdk_sqs::Client::new(&cloud.sdk_config());
    client.send_message().queue_url(QUEUE).message_body(body).send().await.unwrap();
}

async fn put(cloud: &Cloud, key: &str) {
    let client = aws_sdk_dynamodb::Client::new(&cloud.sdk_config());
    let key = aws_sdk_dynamodb::types::AttributeValue::S(key.to_owned());
    client.put_item().table_name("things").item("pk", key).send().await.unwrap();
}

/// Messages left: waiting, and flying.
async fn left(cloud: &Cloud) -> (String, String) {
    let client = aws_sdk_sqs::Client::new(&cloud.sdk_config());
    let all =
        client.get_queue_attributes().queue_url(QUEUE).attribute_names(QueueAttributeName::All).send().await;
    let all = all.unwrap().attributes.unwrap();
    (
        all[&QueueAttributeName::ApproximateNumberOfMessages].clone(),
        all[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible].clone(),
    )
}

/// The next message about a part of the stream that was given up.
async fn given_up(cloud: &Cloud) -> serde_json::Value {
    let client = aws_sdk_sqs::Client::new(&cloud.sdk_config());
    let url = QUEUE.replace("/work", "/given-up");
    let received = client.receive_message().queue_url(url).wait_time_seconds(5).send().await.unwrap();
    serde_json::from_str(received.messages()[0].body().unwrap()).unwrap()
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came: {what}");
}

#[tokio::test]
async fn messages_are_handled_one_by_one_and_failures_come_again() {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::memory(&template).unwrap();
    for body in ["a", "bad", "b"] {
        send(&cloud, body).await;
    }
    let (_stopper, stop) = stop::channel();
    let _tasks = trigger::start(&cloud, &only(&template, "worker", worker(&seen)), &stop).unwrap();
    until("one failure is left", async || left(&cloud).await == ("0".to_owned(), "1".to_owned())).await;
    cloud.advance(Duration::from_secs(31));
    until("it comes again", async || seen.lock().unwrap().iter().filter(|b| *b == "bad").count() == 2).await;
    let mut once: Vec<String> = seen.lock().unwrap().iter().filter(|b| *b != "bad").cloned().collect();
    once.sort();
    assert_eq!(once, ["a", "b"]);
}

#[tokio::test]
async fn a_panic_keeps_the_batch_and_the_poller_lives() {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::memory(&template).unwrap();
    send(&cloud, "panic").await;
    let (_stopper, stop) = stop::channel();
    let _tasks = trigger::start(&cloud, &only(&template, "worker", worker(&seen)), &stop).unwrap();
    until("the panic", async || !seen.lock().unwrap().is_empty()).await;
    send(&cloud, "after").await;
    until("the next message", async || seen.lock().unwrap().contains(&"after".to_owned())).await;
    until("the panicking message flies", async || left(&cloud).await == ("0".to_owned(), "1".to_owned()))
        .await;
}

#[tokio::test]
async fn a_stream_goes_on_after_the_record_that_failed_and_gives_up_at_last() {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::memory(&template).unwrap();
    for key in ["a", "bad", "b", "panic", "c"] {
        put(&cloud, key).await;
    }
    let (_stopper, stop) = stop::channel();
    let _tasks = trigger::start(&cloud, &only(&template, "follower", follower(&seen)), &stop).unwrap();
    until("the last record", async || seen.lock().unwrap().contains(&"c".to_owned())).await;
    let seen = seen.lock().unwrap().clone();
    let count = |key: &str| seen.iter().filter(|k| *k == key).count();
    // `a` was handled before the batch failed, and is not seen again.
    assert_eq!(count("a"), 1, "{seen:?}");
    assert!(count("bad") >= 3 && count("panic") >= 3, "{seen:?}");
    let told = [given_up(&cloud).await, given_up(&cloud).await];
    for notice in told {
        let batch = &notice["DDBStreamBatchInfo"];
        assert_eq!(
            (&notice["requestContext"]["condition"], &batch["batchSize"]),
            (&"RetryAttemptsExhausted".into(), &1.into())
        );
        assert!(batch["startSequenceNumber"].as_str().is_some_and(|at| !at.is_empty()), "{notice}");
        assert!(
            batch["streamArn"].as_str().is_some_and(|arn| arn.contains("table/things/stream/")),
            "{notice}"
        );
    }
}

/// Runs the follower on a data folder until it has seen `last`, then stops it as a kill would: with no
/// farewell.
async fn follow(folder: &Path, write: &[&str], last: &str) -> Vec<String> {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::open(&template, folder).unwrap();
    for key in write {
        put(&cloud, key).await;
    }
    let (_stopper, stop) = stop::channel();
    let mut tasks = trigger::start(&cloud, &only(&template, "follower", follower(&seen)), &stop).unwrap();
    until(last, async || seen.lock().unwrap().contains(&last.to_owned())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn a_stream_is_resumed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(follow(folder.path(), &["a", "b"], "b").await, ["a", "b"]);
    {
        let cloud = Cloud::open(&template(), folder.path()).unwrap();
        put(&cloud, "c").await;
    }
    assert_eq!(follow(folder.path(), &["d"], "d").await, ["c", "d"]);
}

#[tokio::test]
async fn triggers_end_when_they_have_to() {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::memory(&template).unwrap();
    let (stopper, stop) = stop::channel();
    let mut tasks = trigger::start(&cloud, &only(&template, "worker", worker(&seen)), &stop).unwrap();
    stopper.stop();
    let ended = async { while tasks.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(2), ended).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_is_under_way_is_told_to_come_to_its_end() {
    let (template, seen) = (template(), Seen::default());
    let cloud = Cloud::memory(&template).unwrap();
    let patient = Function::Sqs(Arc::new({
        let seen = Arc::clone(&seen);
        move |event, curfew| {
            seen.lock().unwrap().push("begun".to_owned());
            async move {
                curfew.await;
                failed_messages(event.records.into_iter().filter_map(|message| message.message_id))
            }
            .boxed()
        }
    }));
    let (stopper, stop) = stop::channel();
    let mut tasks = trigger::start(&cloud, &only(&template, "worker", patient), &stop).unwrap();
    send(&cloud, "long").await;
    until("it has begun", async || !seen.lock().unwrap().is_empty()).await;
    stopper.stop();
    let ended = async { while tasks.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(2), ended).await.unwrap();
    assert_eq!(left(&cloud).await, ("0".to_owned(), "1".to_owned()), "it comes again");
}

#[tokio::test]
async fn a_trigger_that_does_not_fit_is_told() {
    let mut template = template();
    let cloud = Cloud::memory(&template).unwrap();
    let (_stopper, stop) = stop::channel();
    let misfit = only(&template, "worker", Function::Http(axum::Router::new()));
    let error = trigger::start(&cloud, &misfit, &stop).unwrap_err().to_string();
    assert_eq!(error, "Worker does not take queue events; correct its `Events` in template.yaml");
    template.functions[0].events = vec![Event::Schedule { expression: "often".to_owned(), input: None }];
    let binary = template.functions[0].binary.clone();
    let clock = Function::Schedule(Arc::new(|_| async { Ok(()) }.boxed()));
    let error = trigger::start(&cloud, &only(&template, &binary, clock), &stop).unwrap_err().to_string();
    assert!(error.contains("the schedule `often` cannot be read"), "{error}");
}
