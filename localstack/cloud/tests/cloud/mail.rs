use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::ProvideErrorMetadata as _;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use cloud::Cloud;

use crate::{in_memory, small};

fn message(subject: &str, text: &str) -> EmailContent {
    let part = |data: &str| Content::builder().data(data).build().unwrap();
    let body = Body::builder().text(part(text)).build();
    EmailContent::builder().simple(Message::builder().subject(part(subject)).body(body).build()).build()
}

async fn send(client: &Client, to: &str, subject: &str) {
    let send = client.send_email().from_email_address("us@example.com").content(message(subject, "hello"));
    send.destination(Destination::builder().to_addresses(to).build()).send().await.unwrap();
}

#[tokio::test]
async fn mail_can_be_read_by_recipient_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let cloud = Cloud::open(&small(), folder.path()).unwrap();
        let client = Client::new(&cloud.sdk_config());
        send(&client, "a@example.com", "first").await;
        send(&client, "b@example.com", "second").await;
    }
    let cloud = Cloud::open(&small(), folder.path()).unwrap();
    let subjects: Vec<_> = cloud.mail(None).unwrap().into_iter().map(|m| m.subject).collect();
    assert_eq!(subjects, ["first", "second"]);
    let to_b = cloud.mail(Some("b@example.com")).unwrap();
    assert_eq!((to_b.len(), to_b[0].text.as_str()), (1, "hello"));
    assert!(to_b[0].at.ends_with('Z'), "{}", to_b[0].at);
}

#[tokio::test]
async fn mail_without_a_recipient_is_refused() {
    let cloud = in_memory();
    let client = Client::new(&cloud.sdk_config());
    let send = client.send_email().from_email_address("us@example.com").content(message("s", "t"));
    assert_eq!(send.send().await.unwrap_err().code(), Some("BadRequestException"));
}
