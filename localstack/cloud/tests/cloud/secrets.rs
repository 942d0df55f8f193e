use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_sdk_secretsmanager::primitives::Blob;
use cloud::Cloud;

use crate::{in_memory, small};

const TOKEN: &str = "00000000-0000-4000-8000-000000000001";
const OTHER: &str = "00000000-0000-4000-8000-000000000002";

async fn value(client: &Client, id: &str) -> Option<String> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    answer.ok().and_then(|a| a.secret_string)
}

async fn put(client: &Client, token: &str, text: &str) -> Result<String, String> {
    let put = client.put_secret_value().secret_id("empty").client_request_token(token).secret_string(text);
    match put.send().await {
        Ok(answer) => Ok(answer.version_id.unwrap()),
        Err(e) => Err(e.code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test]
async fn a_secret_without_a_value_is_not_found_until_it_has_one() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    for id in ["empty", "absent"] {
        let error = client.get_secret_value().secret_id(id).send().await.unwrap_err();
        assert_eq!(error.code(), Some("ResourceNotFoundException"), "{id}");
        assert!(error.into_service_error().is_resource_not_found_exception(), "{id}");
    }
    assert_eq!(put(&client, TOKEN, "one").await, Ok(TOKEN.to_owned()));
    assert_eq!(value(&client, "empty").await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_request_token_makes_a_write_happen_once() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, TOKEN, "one").await.unwrap();
    assert_eq!(put(&client, TOKEN, "one").await, Ok(TOKEN.to_owned()));
    assert_eq!(put(&client, TOKEN, "two").await, Err("ResourceExistsException".to_owned()));
    put(&client, OTHER, "two").await.unwrap();
    // A repetition that comes late does not bring the old value back.
    put(&client, TOKEN, "one").await.unwrap();
    assert_eq!(value(&client, "empty").await.as_deref(), Some("two"));
}

#[tokio::test]
async fn labels_move_as_in_a_rotation() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, TOKEN, "one").await.unwrap();
    let pending =
        client.put_secret_value().secret_id("empty").client_request_token(OTHER).secret_string("two");
    pending.version_stages("AWSPENDING").send().await.unwrap();
    assert_eq!(value(&client, "empty").await.as_deref(), Some("one"));
    let stage =
        |stage: &'static str| client.get_secret_value().secret_id("empty").version_stage(stage).send();
    assert_eq!(stage("AWSPENDING").await.unwrap().secret_string(), Some("two"));
    let finish = || {
        client
            .update_secret_version_stage()
            .secret_id("empty")
            .version_stage("AWSCURRENT")
            .move_to_version_id(OTHER)
    };
    let unnamed = finish().send().await.unwrap_err();
    assert_eq!(unnamed.code(), Some("InvalidParameterException"));
    finish().remove_from_version_id(TOKEN).send().await.unwrap();
    assert_eq!(stage("AWSCURRENT").await.unwrap().secret_string(), Some("two"));
    assert_eq!(stage("AWSPREVIOUS").await.unwrap().secret_string(), Some("one"));
    let described = client.describe_secret().secret_id("empty").send().await.unwrap();
    let mut stages = described.version_ids_to_stages.unwrap()[OTHER].clone();
    stages.sort();
    assert_eq!(stages, ["AWSCURRENT", "AWSPENDING"]);
}

#[tokio::test]
async fn a_generated_value_has_the_declared_shape_and_any_id_finds_it() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let text = value(&client, "made").await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["current"], "k1");
    let key = json["k1"].as_str().unwrap();
    assert!(key.len() == 64 && key.chars().all(|c| c.is_ascii_alphanumeric()), "{key}");
    let arn = client.describe_secret().secret_id("made").send().await.unwrap().arn.unwrap();
    assert_eq!(value(&client, &arn).await.as_deref(), Some(text.as_str()));
    assert_eq!(value(&client, &arn[..arn.len() - 7]).await.as_deref(), Some(text.as_str()));
    let other = in_memory();
    assert_ne!(value(&Client::new(&other.sdk_config()), "made").await.as_deref(), Some(text.as_str()));
}

#[tokio::test]
async fn secrets_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let made = {
        let cloud = Cloud::open(&small(), folder.path()).unwrap();
        let client = Client::new(&cloud.sdk_config());
        put(&client, TOKEN, "kept").await.unwrap();
        value(&client, "made").await
    };
    let cloud = Cloud::open(&small(), folder.path()).unwrap();
    let client = Client::new(&cloud.sdk_config());
    assert_eq!(value(&client, "empty").await.as_deref(), Some("kept"));
    assert_eq!(value(&client, "made").await, made);
}

#[tokio::test]
async fn binary_values_creation_and_deletion() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let create = || client.create_secret().name("own").secret_binary(Blob::new([0, 159, 146, 150]));
    create().send().await.unwrap();
    let got = client.get_secret_value().secret_id("own").send().await.unwrap();
    assert_eq!(got.secret_binary.unwrap().as_ref(), [0, 159, 146, 150]);
    assert_eq!(create().send().await.unwrap_err().code(), Some("ResourceExistsException"));
    client.delete_secret().secret_id("own").send().await.unwrap();
    let gone = client.get_secret_value().secret_id("own").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("InvalidRequestException"));
    client.restore_secret().secret_id("own").send().await.unwrap();
    client.delete_secret().secret_id("own").force_delete_without_recovery(true).send().await.unwrap();
    let gone = client.get_secret_value().secret_id("own").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn a_rotation_names_a_version_and_is_over_when_that_is_in_use() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, TOKEN, "one").await.unwrap();
    let rotate = || client.rotate_secret().secret_id("empty").client_request_token(OTHER);
    assert_eq!(rotate().send().await.unwrap_err().code(), Some("InvalidRequestException"));
    let rules =
        aws_sdk_secretsmanager::types::RotationRulesType::builder().automatically_after_days(30).build();
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let enabled = rotate().rotation_lambda_arn(function).rotation_rules(rules).rotate_immediately(false);
    assert_eq!(enabled.send().await.unwrap().version_id, None);
    assert_eq!(cloud.rotation_due("empty").unwrap(), None);

    rotate().send().await.unwrap();
    rotate().send().await.unwrap();
    let another = client.rotate_secret().secret_id("empty").send().await.unwrap_err();
    assert_eq!(
        another.message(),
        Some("A previous rotation isn't complete. That rotation will be reattempted.")
    );
    assert_eq!(cloud.rotation_due("empty").unwrap().as_deref(), Some(OTHER));
    let named = client.get_secret_value().secret_id("empty").version_id(OTHER).send().await.unwrap_err();
    assert!(named.into_service_error().is_resource_not_found_exception(), "nothing is written yet");

    let written =
        client.put_secret_value().secret_id("empty").client_request_token(OTHER).secret_string("two");
    written.version_stages("AWSPENDING").send().await.unwrap();
    assert_eq!(value(&client, "empty").await.as_deref(), Some("one"));
    let finish = client.update_secret_version_stage().secret_id("empty").version_stage("AWSCURRENT");
    finish.move_to_version_id(OTHER).remove_from_version_id(TOKEN).send().await.unwrap();
    assert_eq!(value(&client, "empty").await.as_deref(), Some("two"));
    assert_eq!(cloud.rotation_due("empty").unwrap(), None);
    let described = client.describe_secret().secret_id("empty").send().await.unwrap();
    assert!(described.last_rotated_date.is_some());

    cloud.advance(std::time::Duration::from_hours(30 * 24));
    let due = cloud.rotation_due("empty").unwrap().expect("thirty days have passed");
    assert_eq!(cloud.rotation_due("empty").unwrap(), Some(due), "it goes on until it is over");
}
