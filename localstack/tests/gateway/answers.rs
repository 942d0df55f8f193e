//! What a client sees of a function's answer, and of its failures.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::AppendHeaders;
use axum::routing::get;
use cloud::{Effect, InjectedFault, Service, Template};
use futures_util::stream;
use localstack::gateway::Gateway;
use platform::Function;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::send;
use crate::{TEMPLATE, load, start, start_both};

#[tokio::test]
async fn status_headers_and_bytes_come_back() {
    let answer = || async {
        let cookies = AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2"), ("etag", "\"1\"")]);
        (StatusCode::IM_A_TEAPOT, cookies, Bytes::from_static(b"\x00\xff\xfe"))
    };
    let running = start(Router::new().route("/things", get(answer)), true).await;
    let answer = send(running.addr, "GET /things", &[], b"").await;
    assert_eq!((answer.status, answer.body.as_slice()), (418, &b"\x00\xff\xfe"[..]));
    let cookies: Vec<_> =
        answer.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v.as_str()).collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert!(answer.header("x-amzn-requestid").is_some());
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let router = Router::new()
        .route("/panic", get(|| async { panic!("on purpose") as StatusCode }))
        .route("/things", get(|| async { "fine" }));
    let running = start(router, true).await;
    let broken = send(running.addr, "GET /panic", &[], b"").await;
    assert_eq!((broken.status, broken.json()["status"].as_u64()), (503, Some(503)));
    assert_eq!(broken.header("retry-after"), Some("5"));
    assert_eq!(send(running.addr, "GET /things", &[], b"").await.status, 200);
}

#[tokio::test]
async fn a_slow_function_is_given_up() {
    let slow = || async { tokio::time::sleep(Duration::from_secs(30)).await };
    let running = start(Router::new().route("/slow", get(slow)), true).await;
    let answer = send(running.addr, "GET /slow", &[], b"").await;
    assert_eq!((answer.status, answer.json()["status"].as_u64()), (503, Some(503)));
}

#[tokio::test]
async fn an_answer_larger_than_lambda_gives_is_a_failure() {
    let large = || async { vec![b'x'; 7 * 1024 * 1024] };
    let running = start(Router::new().route("/things", get(large)), true).await;
    assert_eq!(send(running.addr, "GET /things", &[], b"").await.status, 503);
}

#[tokio::test]
async fn a_stream_arrives_as_it_is_written() {
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    let release = std::sync::Arc::new(tokio::sync::Notify::new());
    let gate = release.clone();
    let router = Router::new().route(
        "/stream",
        get(move || async move {
            let chunks = stream::unfold(0, move |n| {
                let (gate, first, second) = (gate.clone(), first.clone(), second.clone());
                async move {
                    match n {
                        0 => Some((Ok::<_, Infallible>(first), 1)),
                        1 => {
                            gate.notified().await;
                            Some((Ok(second), 2))
                        }
                        _ => None,
                    }
                }
            });
            (AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]), Body::from_stream(chunks))
        }),
    );
    let running = start_both(Router::new(), router, true).await;
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    stream.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("first") {
        let mut buffer = [0; 1024];
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    assert!(!seen.contains("second"));
    assert!(seen.contains("set-cookie: a=1") && seen.contains("set-cookie: b=2"), "{seen}");
    release.notify_one();
    stream.read_to_string(&mut seen).await.unwrap();
    assert!(seen.contains("second"), "{seen}");
}

/// Asked by address.
const HERE: &str = "host: 127.0.0.1";

#[tokio::test]
async fn mail_is_read_at_the_local_endpoint() {
    use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
    let running = start(Router::new(), true).await;
    let client = aws_sdk_sesv2::Client::new(&running.cloud.sdk_config());
    for to in ["a+b@example.com", "c@example.com"] {
        let part = |data: &str| Content::builder().data(data).build().unwrap();
        let message =
            Message::builder().subject(part("s")).body(Body::builder().text(part("t")).build()).build();
        let mail = client.send_email().from_email_address("us@example.com");
        let mail = mail.content(EmailContent::builder().simple(message).build());
        mail.destination(Destination::builder().to_addresses(to).build()).send().await.unwrap();
    }
    for (query, count) in
        [("", 2), ("?to=a+b@example.com", 1), ("?to=a%2Bb%40example.com", 1), ("?to=x@example.com", 0)]
    {
        let answer = send(running.addr, &format!("GET /_local/mail{query}"), &[HERE], b"").await.json();
        assert_eq!(answer.as_array().unwrap().len(), count, "{query}");
    }
    let answer = send(running.addr, "GET /_local/mail?to=c@example.com", &[HERE], b"").await.json();
    assert_eq!((answer[0]["subject"].as_str(), answer[0]["text"].as_str()), (Some("s"), Some("t")));
    assert_eq!(send(running.addr, "POST /_local/mail", &[HERE], b"").await.status, 405);
    for host in ["127.0.0.1:8080", "localhost:8080", "[::1]"] {
        let host = format!("host: {host}");
        assert_eq!(send(running.addr, "GET /_local/mail", &[&host], b"").await.status, 200, "{host}");
    }
    for path in ["mail", "faults"] {
        // A page whose name was made to point here.
        let answer =
            send(running.addr, &format!("GET /_local/{path}"), &["host: rebound.example"], b"").await;
        assert_eq!((answer.status, answer.body.as_slice()), (421, &b"{}"[..]));
    }
}

#[tokio::test]
async fn faults_are_put_in_force_listed_and_ended() {
    let running = start(Router::new(), true).await;
    let ask = async |method: &str, body: &str| {
        send(running.addr, &format!("{method} /_local/faults"), &[HERE], body.as_bytes()).await
    };
    let fault = r#"[{"service":"secretsmanager","effect":"error","times":2}]"#;
    assert_eq!(ask("PUT", fault).await.status, 200);
    let faults = running.cloud.faults();
    assert_eq!(faults, [InjectedFault::on(Service::Secrets, Effect::Error).times(2)]);
    assert_eq!(ask("GET", "").await.body, fault.as_bytes());
    let no_such_operation = r#"[{"service":"sqs","operation":"SendMesage","effect":"error"}]"#;
    for wrong in ["", "{}", r#"[{"service":"sqs","effect":"explode"}]"#, no_such_operation] {
        let answer = ask("PUT", wrong).await;
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with("not a list of faults: "), "{wrong}");
    }
    assert_eq!(running.cloud.faults(), faults, "what is wrong changes nothing");
    let ended = ask("DELETE", "").await;
    assert_eq!((ended.status, ended.body.as_slice()), (200, &b"[]"[..]));
    assert_eq!(ask("POST", fault).await.header("allow"), Some("GET, PUT, DELETE"));
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_gateway_ends() {
    let (arrived, go_on) = (std::sync::Arc::new(tokio::sync::Notify::new()), Duration::from_millis(200));
    let inside = arrived.clone();
    let slow = move || async move {
        inside.notify_one();
        tokio::time::sleep(go_on).await;
        "finished"
    };
    let running = start(Router::new().route("/things", get(slow)), true).await;
    let (answer, ()) = tokio::join!(send(running.addr, "GET /things", &[], b""), async {
        arrived.notified().await;
        running.stopper.stop();
    });
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"finished"[..]));
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[test]
fn a_route_that_does_not_fit_its_function_is_refused_at_the_start() {
    let (http, streaming) = (|| Function::Http(Router::new()), || Function::HttpStreaming(Router::new()));
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
    for (echo, speak, fault) in [
        (http(), http(), "/stream: Speak answers at once, and the route says STREAM"),
        (streaming(), streaming(), "Echo streams, and the route does not say STREAM"),
        (Function::Sqs(Arc::new(|_, _| unreachable!())), streaming(), "Echo takes no HTTP requests"),
    ] {
        let functions = load(&template, [("Echo", echo), ("Speak", speak)]);
        let refused = Gateway::new(template.api.clone().unwrap(), functions, true).err().unwrap();
        assert!(refused.to_string().contains(fault), "{refused}");
    }
}
