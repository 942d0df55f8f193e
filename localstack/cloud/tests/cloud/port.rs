use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::in_memory;

async fn exchange(address: std::net::SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_port_serves_presigned_objects_and_json_services() {
    let cloud = in_memory();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.serve_aws(listener, std::future::pending()).await }
    });

    let config = aws_sdk_s3::config::Builder::from(&cloud.sdk_config())
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        .build();
    let client = Client::from_conf(config);
    client
        .put_object()
        .bucket("files")
        .key("a b")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    let presigning = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let signed = client.get_object().bucket("files").key("a b").presigned(presigning).await.unwrap();
    let path = signed.uri().split_once(&address.to_string()).unwrap().1;
    let answer =
        exchange(address, format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
            .await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nhello"), "{answer}");

    let request = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-target: DynamoDB_20120810.ListTables\r\n\
                   content-length: 2\r\n\r\n{}";
    let answer = exchange(address, request.to_owned()).await;
    assert!(answer.contains(r#""TableNames":["test-things"]"#), "{answer}");
    server.abort();
}
