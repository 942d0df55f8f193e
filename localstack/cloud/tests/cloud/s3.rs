use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use cloud::Cloud;

use crate::{in_memory, small};

async fn put(client: &Client, key: &str, body: &'static [u8]) {
    let put = client.put_object().bucket("files").key(key).body(ByteStream::from_static(body));
    put.content_type("text/plain").metadata("by", "me").send().await.unwrap();
}

async fn read(client: &Client, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket("files").key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn objects_come_back_as_they_went_and_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let cloud = Cloud::open(&small(), folder.path()).unwrap();
        put(&Client::new(&cloud.sdk_config()), "a/ü + b.txt", b"\x00\xff bytes").await;
    }
    let cloud = Cloud::open(&small(), folder.path()).unwrap();
    let client = Client::new(&cloud.sdk_config());
    let got = client.get_object().bucket("files").key("a/ü + b.txt").send().await.unwrap();
    assert_eq!((got.content_type(), got.metadata().unwrap()["by"].as_str()), (Some("text/plain"), "me"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"\x00\xff bytes");
    let part =
        client.get_object().bucket("files").key("a/ü + b.txt").range("bytes=2-4").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/8"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b" by");
    let head = client.head_object().bucket("files").key("a/ü + b.txt").send().await.unwrap();
    assert_eq!(head.content_length(), Some(8));
}

#[tokio::test]
async fn a_streamed_body_arrives_without_its_chunks() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let file = tempfile::NamedTempFile::new().unwrap();
    let content: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    std::fs::write(file.path(), &content).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    client.put_object().bucket("files").key("big").body(body).send().await.unwrap();
    assert_eq!(read(&client, "big").await, content);
}

#[tokio::test]
async fn conditions_are_kept() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, "once", b"1").await;
    let again = client.put_object().bucket("files").key("once").if_none_match("*").send().await;
    assert_eq!(again.unwrap_err().code(), Some("PreconditionFailed"));
    let absent = client.get_object().bucket("files").key("absent").send().await.unwrap_err();
    assert!(absent.into_service_error().is_no_such_key());
    let nowhere = client.list_objects_v2().bucket("nowhere").send().await.unwrap_err();
    assert!(nowhere.into_service_error().is_no_such_bucket());
}

#[tokio::test]
async fn lists_page_and_group() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    for key in ["a/1", "a/2", "b", "c/1", "d<&>"] {
        put(&client, key, b"x").await;
    }
    let (mut keys, mut prefixes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = client.list_objects_v2().bucket("files").delimiter("/").max_keys(2);
        let page = page.set_continuation_token(token).send().await.unwrap();
        keys.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        prefixes.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        token = page.next_continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((keys, prefixes), (vec!["b".to_owned(), "d<&>".into()], vec!["a/".to_owned(), "c/".into()]));
    let under = client.list_objects_v2().bucket("files").prefix("a/").send().await.unwrap();
    assert_eq!(under.key_count(), Some(2));
}

#[tokio::test]
async fn parts_become_one_object() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let upload = client.create_multipart_upload().bucket("files").key("whole").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, body) in [(1, "one "), (2, "two")] {
        let part = client.upload_part().bucket("files").key("whole").upload_id(id).part_number(number);
        let part = part.body(ByteStream::from_static(body.as_bytes())).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket("files").key("whole").upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(read(&client, "whole").await, b"one two");
}

#[tokio::test]
async fn copies_deletes_and_presigned_urls() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    put(&client, "from", b"x").await;
    client.copy_object().bucket("files").key("to").copy_source("files/from").send().await.unwrap();
    client.delete_object().bucket("files").key("from").send().await.unwrap();
    assert_eq!(read(&client, "to").await, b"x");
    assert!(client.get_object().bucket("files").key("from").send().await.is_err());
    let config = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let signed = client.get_object().bucket("files").key("to").presigned(config).await.unwrap();
    assert!(signed.uri().contains("X-Amz-Signature"));
}
