//! What browsers are told: whose pages may call, and how to treat what comes back.

use crate::ground::{ORIGIN, app};

#[tokio::test]
async fn only_the_pages_of_configured_origins_may_read_answers() {
    let app = app().await;
    let answer = app.get("/open").header("origin", ORIGIN).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-expose-headers").contains("retry-after"));
    for origin in ["https://evil.example.com", "null", "https://app.example.com.evil.example"] {
        let answer = app.get("/open").header("origin", origin).await.expect(200);
        let headers = answer.headers.keys().map(axum::http::HeaderName::as_str);
        assert_eq!(headers.filter(|name| name.starts_with("access-control")).count(), 0, "{origin}");
        assert_eq!(answer.header("vary"), "Origin", "a cache must not mix them up");
    }
    // A page sees why it is refused, too.
    let refused = app.get("/nope").header("origin", ORIGIN).await;
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN);
    refused.problem(404);
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_handler() {
    let app = app().await;
    let ask = |origin: &str| {
        let call = app.call("OPTIONS", "/mine").header("origin", origin);
        call.header("access-control-request-method", "PATCH")
    };
    let answer = ask(ORIGIN).await.expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    for header in ["authorization", "if-match", "idempotency-key", "x-csrf-token"] {
        assert!(answer.header("access-control-allow-headers").contains(header), "{header}");
    }
    let denied = ask("https://evil.example.com").await.expect(204);
    assert_eq!(denied.header("access-control-allow-origin"), "");
    assert_eq!(denied.header("access-control-allow-methods"), "");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = app().await;
    for (method, path, status) in [
        ("GET", "/open", 200),
        ("GET", "/nope", 404),
        ("PUT", "/open", 405),
        ("GET", "/mine", 401),
        ("GET", "/panic", 500),
        ("OPTIONS", "/open", 204),
    ] {
        let answer = app.call(method, path).await.expect(status);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{method} {path}");
        }
    }
}
