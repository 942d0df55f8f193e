//! What anybody may ask.

use super::client::{Answer, get};

#[track_caller]
fn assert_secured(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    assert!(answer.header("strict-transport-security").starts_with("max-age="), "{answer:?}");
    assert!(!answer.header("referrer-policy").is_empty(), "{answer:?}");
    assert!(!answer.header("content-security-policy").is_empty(), "{answer:?}");
}

#[test]
fn it_is_healthy_and_ready() {
    assert_eq!(get("/health").send().expect(200).json()["status"], "ok");
    let ready = get("/ready").send().expect(200).json();
    assert_eq!(ready["status"], "ready");
    let checks = ready["checks"].as_array().expect("what was asked");
    assert!(checks.iter().all(|check| check["status"] == "ok") && checks.len() > 1, "{ready}");
}

#[test]
fn every_answer_of_a_function_is_secured_and_named() {
    for (path, status) in
        [("/health", 200), ("/docs", 200), ("/api/v1/me", 401), ("/.well-known/jwks.json", 200)]
    {
        let answer = get(path).header("x-request-id", "e2e-1").send().expect(status);
        assert_secured(&answer);
        assert_eq!(answer.header("x-request-id"), "e2e-1", "a sound id is echoed");
    }
}

#[test]
fn the_documentation_is_there() {
    let page = get("/docs").send().expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    get("/docs/swagger-ui.css").send().expect(200);
    get("/docs/nothing.css").send().problem(404);
    let document = get("/openapi.json").send().expect(200);
    assert_eq!(document.json()["openapi"], "3.1.0");
    let known = get("/openapi.json").header("if-none-match", document.header("etag")).send().expect(304);
    assert!(known.body.is_empty());
}

#[test]
fn bytes_arrive_as_they_are() {
    let icon = get("/docs/favicon-32x32.png").send().expect(200);
    assert_eq!(&icon.body[..4], b"\x89PNG");
    let packed = get("/docs/swagger-ui.css").header("accept-encoding", "gzip").send().expect(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(&packed.body[..2], b"\x1f\x8b");
}
