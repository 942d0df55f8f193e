//! What a function sees of a request.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::send;
use crate::start;

/// Tells what arrived: the URI, every header value, the body as numbers.
async fn echo(OriginalUri(uri): OriginalUri, headers: HeaderMap, body: Bytes) -> String {
    let headers: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let told = json!({ "path": uri.path(), "query": uri.query(), "headers": headers, "body": body.to_vec() });
    told.to_string()
}

fn echo_router() -> Router {
    Router::new()
        .route("/things", get(echo).post(echo))
        .route("/things/{id}", get(|Path(id): Path<String>| async move { id }))
}

fn values<'v>(answer: &'v Value, name: &str) -> Vec<&'v str> {
    let headers = answer["headers"].as_array().unwrap().iter();
    headers.filter(|h| h[0] == name).map(|h| h[1].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_body_arrives_byte_for_byte() {
    let running = start(echo_router(), true).await;
    for body in [&b"plain"[..], b"\xff\xfe\x00 not UTF-8 \x80", b"", b"{\"a\": \"\\u00e9\"}"] {
        let answer = send(running.addr, "POST /things", &["content-type: application/json"], body).await;
        assert_eq!(answer.status, 200);
        let arrived: Vec<u8> = serde_json::from_value(answer.json()["body"].clone()).unwrap();
        assert_eq!(arrived, body);
    }
}

#[tokio::test]
async fn every_value_of_headers_and_queries_arrives() {
    let running = start(echo_router(), true).await;
    let headers = ["x-twice: one", "x-twice: two", "Accept: a/b", "x-latin: caf\u{e9}"];
    let answer = send(running.addr, "GET /things?a=1&a=2%203&b=&c%26=x%2Fy", &headers, b"").await.json();
    assert_eq!(values(&answer, "x-twice"), ["one", "two"]);
    assert_eq!(values(&answer, "accept"), ["a/b"]);
    let mut query: Vec<&str> = answer["query"].as_str().unwrap().split('&').collect();
    query.sort_unstable();
    assert_eq!(query, ["a=1", "a=2+3", "b=", "c%26=x%2Fy"]);
    assert_eq!(answer["path"], "/things");
}

#[tokio::test]
async fn the_gateway_says_where_a_request_came_from() {
    let running = start(echo_router(), true).await;
    let claims = ["x-forwarded-for: 203.0.113.9", "x-forwarded-proto: gopher", "host: api.test:81"];
    let answer = send(running.addr, "GET /things", &claims, b"").await.json();
    assert_eq!(values(&answer, "x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
    assert_eq!(values(&answer, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&answer, "x-forwarded-port"), ["81"]);
}

#[tokio::test]
async fn path_variables_are_decoded_once() {
    let running = start(echo_router(), false).await;
    for (path, id) in [("/things/a%20b", "a b"), ("/things/%2525", "%25"), ("/things/caf%C3%A9", "caf\u{e9}")]
    {
        let answer = send(running.addr, &format!("GET {path}"), &[], b"").await;
        assert_eq!(String::from_utf8_lossy(&answer.body), id, "{path}");
    }
}

#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let router = Router::new().route(
        "/things",
        post(|body: Body| async move { axum::body::to_bytes(body, usize::MAX).await.unwrap() }),
    );
    let running = start(router, true).await;
    let mut stream = tokio::net::TcpStream::connect(running.addr).await.unwrap();
    let request = "POST /things HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nonetwo"), "{answer}");
}
