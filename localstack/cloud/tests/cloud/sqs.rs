use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use cloud::{Cloud, Template};

use crate::{in_memory, small};

fn url(name: &str) -> String {
    small().queues.iter().find(|q| q.name == name).unwrap().url.clone()
}

async fn send(client: &Client, body: &str) {
    client.send_message().queue_url(url("work")).message_body(body).send().await.unwrap();
}

async fn receive(client: &Client, queue: &str) -> Vec<Message> {
    let receive = client.receive_message().queue_url(url(queue)).max_number_of_messages(10);
    receive
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.body().unwrap()).collect()
}

async fn count(client: &Client, queue: &str, attribute: QueueAttributeName) -> String {
    let get = client.get_queue_attributes().queue_url(url(queue)).attribute_names(QueueAttributeName::All);
    get.send().await.unwrap().attributes.unwrap()[&attribute].clone()
}

#[tokio::test]
async fn a_message_is_invisible_while_it_flies_and_gone_when_deleted() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    send(&client, "one").await;
    assert_eq!(count(&client, "work", QueueAttributeName::ApproximateNumberOfMessages).await, "1");
    let first = receive(&client, "work").await;
    assert_eq!(bodies(&first), ["one"]);
    assert_eq!(
        first[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount],
        "1"
    );
    assert!(receive(&client, "work").await.is_empty());
    assert_eq!(count(&client, "work", QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "1");
    cloud.advance(Duration::from_secs(61));
    let again = receive(&client, "work").await;
    assert_eq!(
        again[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount],
        "2"
    );
    // The receipt of the first receive is spent.
    for (message, left) in [(&first[0], "1"), (&again[0], "0")] {
        let delete = client.delete_message().queue_url(url("work"));
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        assert_eq!(
            count(&client, "work", QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await,
            left
        );
    }
}

#[tokio::test]
async fn after_its_receives_a_message_goes_to_the_dead_letter_queue() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    send(&client, "poison").await;
    for _ in 0..2 {
        assert_eq!(bodies(&receive(&client, "work").await), ["poison"]);
        cloud.advance(Duration::from_secs(61));
    }
    assert!(receive(&client, "work").await.is_empty());
    let dead = receive(&client, "dead").await;
    assert_eq!(bodies(&dead), ["poison"]);
    let source = &dead[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    assert!(source.ends_with(":work"), "{source}");
}

#[tokio::test]
async fn visibility_can_be_changed_while_it_flies() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    send(&client, "one").await;
    let receipt = receive(&client, "work").await[0].receipt_handle().unwrap().to_owned();
    let change = |seconds| {
        client
            .change_message_visibility()
            .queue_url(url("work"))
            .receipt_handle(&receipt)
            .visibility_timeout(seconds)
            .send()
    };
    change(600).await.unwrap();
    cloud.advance(Duration::from_mins(2));
    assert!(receive(&client, "work").await.is_empty());
    change(0).await.unwrap();
    assert!(change(10).await.unwrap_err().into_service_error().is_message_not_inflight());
    assert_eq!(bodies(&receive(&client, "work").await), ["one"]);
}

#[tokio::test]
async fn batches_answer_entry_by_entry() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let sent = client
        .send_message_batch()
        .queue_url(url("work"))
        .entries(entry("a", "good"))
        .entries(entry("b", "bad \u{1}"))
        .send()
        .await
        .unwrap();
    assert_eq!((sent.successful()[0].id(), sent.failed()[0].id()), ("a", "b"));
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
    let same =
        client.send_message_batch().queue_url(url("work")).entries(entry("a", "1")).entries(entry("a", "2"));
    assert!(same.send().await.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());
    let messages = receive(&client, "work").await;
    let delete = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build().unwrap()
    };
    let deleted = client
        .delete_message_batch()
        .queue_url(url("work"))
        .entries(delete("x", messages[0].receipt_handle().unwrap()))
        .entries(delete("y", "nonsense"))
        .send()
        .await
        .unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed()[0].code()), (1, "ReceiptHandleIsInvalid"));
}

#[tokio::test]
async fn a_long_poll_ends_when_a_message_arrives() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let poll = client.receive_message().queue_url(url("work")).wait_time_seconds(10).send();
    let start = Instant::now();
    let (got, ()) = tokio::join!(poll, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        send(&client, "late").await;
    });
    assert_eq!(bodies(got.unwrap().messages()), ["late"]);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn delays_attributes_and_digests() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("r-1").build().unwrap();
    let sent = client
        .send_message()
        .queue_url(url("work"))
        .message_body("later")
        .delay_seconds(30)
        .message_attributes("request_id", attribute)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("c18788c2f274c779da72d9854ea4bfbf"));
    assert!(receive(&client, "work").await.is_empty());
    assert_eq!(count(&client, "work", QueueAttributeName::ApproximateNumberOfMessagesDelayed).await, "1");
    cloud.advance(Duration::from_secs(31));
    let got =
        client.receive_message().queue_url(url("work")).message_attribute_names("All").send().await.unwrap();
    let message = &got.messages()[0];
    assert_eq!(message.message_attributes.as_ref().unwrap()["request_id"].string_value(), Some("r-1"));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
}

#[tokio::test]
async fn messages_survive_reopening_and_attributes_follow_the_template() {
    let folder = tempfile::tempdir().unwrap();
    {
        let cloud = Cloud::open(&small(), folder.path()).unwrap();
        send(&Client::new(&cloud.sdk_config()), "kept").await;
    }
    let slower = crate::SMALL.replace("VisibilityTimeout: 60", "VisibilityTimeout: 90");
    let slower = Template::parse(&slower, &std::collections::BTreeMap::new()).unwrap();
    let cloud = Cloud::open(&slower, folder.path()).unwrap();
    let client = Client::new(&cloud.sdk_config());
    assert_eq!(bodies(&receive(&client, "work").await), ["kept"]);
    assert_eq!(count(&client, "work", QueueAttributeName::VisibilityTimeout).await, "90");
}

#[tokio::test]
async fn an_unknown_queue_is_named_so() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let error =
        client.send_message().queue_url(url("work").replace("/work", "/none")).message_body("x").send().await;
    assert!(error.unwrap_err().into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn two_receivers_never_share_a_message() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    for n in 0..40 {
        send(&client, &n.to_string()).await;
    }
    let takes = (0..8).map(|_| receive(&client, "work"));
    let mut all: Vec<String> = futures_util::future::join_all(takes)
        .await
        .iter()
        .flat_map(|messages| bodies(messages).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let received = all.len();
    all.sort();
    all.dedup();
    assert_eq!((received, all.len()), (40, 40));
}

async fn send_of(client: &Client, group: &str, body: &str) {
    let request = client.send_message().queue_url(url("work")).message_body(body);
    request.message_group_id(group).send().await.unwrap();
}

#[tokio::test]
async fn who_has_little_under_way_does_not_wait_for_who_has_much() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    for n in 0..40 {
        send_of(&client, "noisy", &format!("noisy {n}")).await;
    }
    assert_eq!(receive(&client, "work").await.len(), 10, "alone, everything is theirs");
    send_of(&client, "quiet", "quiet 0").await;
    send_of(&client, "quiet", "quiet 1").await;
    let next = receive(&client, "work").await;
    assert_eq!(bodies(&next)[..3], ["quiet 0", "quiet 1", "noisy 10"]);
    assert_eq!(next.len(), 10);
    let group = &next[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!(group, "quiet");
    // With as much of each under way, they take turns.
    for n in 2..12 {
        send_of(&client, "quiet", &format!("quiet {n}")).await;
    }
    cloud.advance(Duration::from_secs(61));
    let turns = receive(&client, "work").await;
    let quiet = bodies(&turns).iter().filter(|body| body.starts_with("quiet")).count();
    assert_eq!(quiet, 5, "{turns:?}");
}
