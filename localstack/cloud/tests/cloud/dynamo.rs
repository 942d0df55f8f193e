use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use cloud::{Cloud, Template};
use futures_util::future::join_all;

use crate::{SMALL, in_memory, small};

const TABLE: &str = "test-things";

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn put(client: &Client, pk: &str, sk: &str) {
    let put = client.put_item().table_name(TABLE).item("pk", s(pk)).item("sk", s(sk));
    put.item("gsi1pk", s("all")).item("gsi1sk", s(pk)).send().await.unwrap();
}

async fn exists(client: &Client, pk: &str) -> bool {
    let get = client.get_item().table_name(TABLE).key("pk", s(pk)).key("sk", s("x"));
    get.send().await.unwrap().item.is_some()
}

#[tokio::test]
async fn a_cancelled_transaction_says_why_and_changes_nothing() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, "taken", "x").await;
    let fresh = Put::builder().table_name(TABLE).item("pk", s("fresh")).item("sk", s("x")).build().unwrap();
    let taken = Put::builder()
        .table_name(TABLE)
        .item("pk", s("taken"))
        .item("sk", s("x"))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .unwrap();
    let error = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(fresh).build())
        .transact_items(TransactWriteItem::builder().put(taken).build())
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|r| r.code().unwrap_or_default()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert!(!exists(&client, "fresh").await);
}

#[tokio::test]
async fn fifty_conditional_puts_at_once_have_one_winner() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let tries = (0..50).map(|n| {
        client
            .put_item()
            .table_name(TABLE)
            .item("pk", s("one"))
            .item("sk", s("x"))
            .item("by", s(&n.to_string()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
    });
    let results = join_all(tries).await;
    let won = results.iter().filter(|r| r.is_ok()).count();
    let refused = results
        .iter()
        .filter_map(|r| r.as_ref().err())
        .filter(|e| e.code() == Some("ConditionalCheckFailedException"));
    assert_eq!((won, refused.count()), (1, 49));
}

/// Calls on one thread take turns, as they would over a socket: read-then-write loses updates, and it must
/// show.
#[tokio::test]
async fn unguarded_read_then_write_loses_updates() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let increment = || async {
        let key = client.get_item().table_name(TABLE).key("pk", s("n")).key("sk", s("x"));
        let item = key.send().await.unwrap().item.unwrap_or_default();
        let n: u32 = item.get("n").and_then(|n| n.as_n().ok()).and_then(|n| n.parse().ok()).unwrap_or(0);
        let put = client.put_item().table_name(TABLE).item("pk", s("n")).item("sk", s("x"));
        put.item("n", AttributeValue::N((n + 1).to_string())).send().await.unwrap();
    };
    join_all((0..10).map(|_| increment())).await;
    let item = client.get_item().table_name(TABLE).key("pk", s("n")).key("sk", s("x")).send().await.unwrap();
    assert_ne!(item.item.unwrap()["n"], AttributeValue::N("10".to_owned()));
}

#[tokio::test]
async fn an_index_answers_in_order_and_pages() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    for pk in ["b", "c", "a"] {
        put(&client, pk, "x").await;
    }
    let page = |start| {
        client
            .query()
            .table_name(TABLE)
            .index_name("gsi1")
            .key_condition_expression("gsi1pk = :p")
            .expression_attribute_values(":p", s("all"))
            .limit(2)
            .set_exclusive_start_key(start)
            .send()
    };
    let first = page(None).await.unwrap();
    let second = page(first.last_evaluated_key.clone()).await.unwrap();
    let keys: Vec<_> =
        first.items().iter().chain(second.items()).map(|i| i["pk"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
}

#[tokio::test]
async fn the_stream_tells_every_change_once() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    assert_eq!(cloud.stream_end(TABLE).unwrap(), None);
    put(&client, "a", "x").await;
    put(&client, "b", "x").await;
    let records = cloud.stream_records(TABLE, None, 10).unwrap();
    let names: Vec<_> =
        records.iter().map(|r| r["dynamodb"]["NewImage"]["pk"]["S"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(records[0]["eventName"], "INSERT");
    assert!(records[0]["eventSourceARN"].as_str().unwrap().ends_with("table/test-things/stream/local"));
    let first = records[0]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    assert_eq!(cloud.stream_records(TABLE, Some(first), 10).unwrap(), records[1..]);
    let end = records[1]["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned);
    assert_eq!(cloud.stream_end(TABLE).unwrap(), end);
}

#[tokio::test]
async fn expired_items_are_swept() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, "stays", "x").await;
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 60;
    let put = client.put_item().table_name(TABLE).item("pk", s("goes")).item("sk", s("x"));
    put.item("expires_at", AttributeValue::N(soon.to_string())).send().await.unwrap();
    assert_eq!(cloud.sweep_expired().unwrap(), 0);
    cloud.advance(Duration::from_mins(2));
    assert_eq!(cloud.sweep_expired().unwrap(), 1);
    assert!(exists(&client, "stays").await && !exists(&client, "goes").await);
}

#[tokio::test]
async fn items_survive_reopening_and_the_template_may_grow() {
    let folder = tempfile::tempdir().unwrap();
    {
        let cloud = Cloud::open(&small(), folder.path()).unwrap();
        put(&Client::new(&cloud.sdk_config()), "kept", "x").await;
    }
    let grown = SMALL
        .replace("- { AttributeName: gsi1sk, AttributeType: S }", "- { AttributeName: gsi1sk, AttributeType: S }\n        - { AttributeName: gsi2pk, AttributeType: S }")
        .replace("      StreamSpecification", "        - IndexName: gsi2\n          KeySchema: [{ AttributeName: gsi2pk, KeyType: HASH }]\n          Projection: { ProjectionType: ALL }\n      StreamSpecification");
    let grown = Template::parse(&grown, &std::collections::BTreeMap::new()).unwrap();
    let cloud = Cloud::open(&grown, folder.path()).unwrap();
    let client = Client::new(&cloud.sdk_config());
    assert!(exists(&client, "kept").await);
    let update = client.update_item().table_name(TABLE).key("pk", s("kept")).key("sk", s("x"));
    update
        .update_expression("SET gsi2pk = :v")
        .expression_attribute_values(":v", s("here"))
        .send()
        .await
        .unwrap();
    let found = client
        .query()
        .table_name(TABLE)
        .index_name("gsi2")
        .key_condition_expression("gsi2pk = :v")
        .expression_attribute_values(":v", s("here"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.count(), 1);
}

#[tokio::test]
async fn mistakes_get_the_names_aws_gives_them() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let absent = client.get_item().table_name("nowhere").key("pk", s("a")).key("sk", s("x")).send().await;
    assert_eq!(absent.unwrap_err().code(), Some("ResourceNotFoundException"));
    let update = client.update_item().table_name(TABLE).key("pk", s("a")).key("sk", s("x"));
    let broken = update.update_expression("SET =").send().await;
    assert_eq!(broken.unwrap_err().code(), Some("ValidationException"));
    let bad_update = Update::builder()
        .table_name(TABLE)
        .key("pk", s("a"))
        .key("sk", s("x"))
        .update_expression("SET a = :missing")
        .build()
        .unwrap();
    let item = TransactWriteItem::builder().update(bad_update).build();
    let broken = client.transact_write_items().transact_items(item).send().await;
    assert!(broken.is_err());
}

#[tokio::test]
async fn calls_are_counted_by_operation() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, "a", "x").await;
    exists(&client, "a").await;
    exists(&client, "b").await;
    let calls = cloud.calls();
    assert_eq!((calls["dynamodb:PutItem"], calls["dynamodb:GetItem"]), (1, 2));
}

#[tokio::test]
async fn a_transaction_with_a_token_happens_once() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let add = |amount: &str| {
        let update = Update::builder()
            .table_name(TABLE)
            .key("pk", s("sum"))
            .key("sk", s("x"))
            .update_expression("ADD n :n")
            .expression_attribute_values(":n", AttributeValue::N(amount.to_owned()))
            .build()
            .unwrap();
        let item = TransactWriteItem::builder().update(update).build();
        client.transact_write_items().client_request_token("once").transact_items(item).send()
    };
    add("1").await.unwrap();
    add("1").await.unwrap();
    let other = add("2").await.unwrap_err().into_service_error();
    assert!(other.is_idempotent_parameter_mismatch_exception(), "{other:?}");
    let sum = client.get_item().table_name(TABLE).key("pk", s("sum")).key("sk", s("x")).send().await.unwrap();
    assert_eq!(sum.item.unwrap()["n"], AttributeValue::N("1".to_owned()));
}
