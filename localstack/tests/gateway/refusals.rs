//! What the gateway answers itself.

use axum::Router;
use axum::routing::get;

use cloud::Template;
use platform::Function;

use crate::client::send;
use crate::{start, start_template};

fn router() -> Router {
    Router::new().route("/things", get(|| async { "all" })).route("/things/{id}", get(|| async { "one" }))
}

#[tokio::test]
async fn an_unknown_path_is_the_templates_404() {
    let running = start(router(), true).await;
    for path in ["/", "/nope", "/things/", "/things//", "/THINGS", "/things/1/2", "/things%2F1", "/a\"b"] {
        let answer = send(running.addr, &format!("GET {path}"), &[], b"").await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.json()["instance"], path);
    }
}

#[tokio::test]
async fn a_wrong_method_is_the_templates_405() {
    let running = start(router(), true).await;
    for method in ["DELETE", "PATCH", "PUT", "OPTIONS", "BREW"] {
        let answer = send(running.addr, &format!("{method} /things"), &[], b"").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,POST")), "{method}");
        assert_eq!(answer.json()["instance"], "/things");
    }
    // A path without a mock for other methods has none.
    assert_eq!(send(running.addr, "DELETE /things/1", &[], b"").await.status, 404);
    // The mock has a request template for JSON only.
    let typed = send(running.addr, "DELETE /things", &["content-type: text/csv"], b"a").await;
    assert_eq!((typed.status, typed.json()["status"].as_u64()), (415, Some(415)));
    let head = send(running.addr, "HEAD /things", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (405, 0));
}

#[tokio::test]
async fn the_gateways_own_answers_carry_the_gateways_id() {
    let running = start(router(), true).await;
    for line in ["GET /nope", "DELETE /things"] {
        let answer = send(running.addr, line, &["x-request-id: abc-1"], b"").await;
        let id = answer.header("x-request-id").unwrap();
        assert!(id != "abc-1" && Some(id) == answer.header("x-amzn-requestid"), "{line}: {id}");
        assert_eq!(answer.json()["request_id"], id);
    }
}

/// Of the template that is deployed.
#[tokio::test]
async fn a_page_can_read_what_the_gateway_answers_itself() {
    let template = Template::of_workspace().unwrap();
    let functions =
        ["AccessFunction", "IdentityFunction", "OpsFunction"].map(|id| (id, Function::Http(Router::new())));
    let [access, identity, ops] = functions;
    let streaming = |id| (id, Function::HttpStreaming(Router::new()));
    let functions = [access, identity, ops, streaming("AuditFunction"), streaming("JobsFunction")];
    let running = start_template(&template, functions, true).await;
    for (line, status) in [("GET /nope", 404), ("DELETE /health", 405)] {
        let answer = send(running.addr, line, &["origin: https://app.example.com"], b"").await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (status, Some("*")),
            "{line}"
        );
        assert!(answer.header("access-control-expose-headers").unwrap().contains("x-request-id"), "{line}");
    }
    for (kind, response) in &template.api.unwrap().gateway_responses {
        assert_eq!(response.headers["Access-Control-Allow-Origin"], "'*'", "{kind}");
        assert_eq!(response.headers["Access-Control-Expose-Headers"], "'retry-after,x-request-id'", "{kind}");
    }
}

#[tokio::test]
async fn a_throttled_method_says_when_to_come_back() {
    let running = start(router(), true).await;
    let get = |path: &'static str| send(running.addr, path, &[], b"");
    assert_eq!((get("GET /things/1").await.status, get("GET /things/2").await.status), (200, 200));
    let refused = get("GET /things/3").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(get("GET /things").await.status, 200);
    let lifted = start(router(), false).await;
    for _ in 0..5 {
        assert_eq!(send(lifted.addr, "GET /things/1", &[], b"").await.status, 200);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let running = start(router(), true).await;
    let body = vec![b'x'; 10 * 1024 * 1024 + 1];
    let answer = send(running.addr, "POST /things", &[], &body).await;
    assert_eq!((answer.status, answer.json()["status"].as_u64()), (413, Some(413)));
    // As base64 it does not fit into Lambda's 6 MB.
    assert_eq!(send(running.addr, "POST /things", &[], &body[..5 * 1024 * 1024]).await.status, 413);
    let header = format!("x-large: {}", "x".repeat(10_240));
    let answer = send(running.addr, "GET /things", &[&header], b"").await;
    assert_eq!((answer.status, answer.header("content-type")), (431, Some("application/problem+json")));
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let running = start(router(), true).await;
    for host in [
        "host: a b",
        "host: ",
        "host: a/b",
        "host: a@b",
        "host: a:99999",
        "host: 1.2.3.999",
        "host: a:b",
        "host: a\u{e9}",
    ] {
        let answer = send(running.addr, "GET /things", &[host], b"").await;
        assert_eq!(answer.status, 400, "{host}");
    }
    for host in ["host: localhost:8080", "host: 127.0.0.1", "host: [::1]:80", "host: a_b.example.com"] {
        assert_eq!(send(running.addr, "GET /things", &[host], b"").await.status, 200, "{host}");
    }
}
