use serde_json::Value;

use crate::boots::ready_app;

/// What anybody may call. Whoever adds a route here decides that it needs no permission.
const PUBLIC: [&str; 5] = ["/docs", "/docs/{file}", "/health", "/openapi.json", "/ready"];

#[test]
fn every_route_is_public_and_on_the_list() {
    let api = ops::openapi();
    let mut paths: Vec<&str> = api.paths.paths.keys().map(String::as_str).collect();
    paths.sort_unstable();
    assert_eq!(paths, PUBLIC);
    for (path, item) in &api.paths.paths {
        for (method, operation) in platform::openapi::operations(item) {
            let permission = platform::openapi::permission(operation);
            assert_eq!(permission.as_deref(), Some(platform::openapi::PUBLIC), "{method} {path}");
        }
    }
}

#[test]
fn every_status_is_declared() {
    let api = serde_json::to_value(ops::openapi()).unwrap();
    for (path, statuses) in [
        ("/health", vec!["200"]),
        ("/ready", vec!["200", "503"]),
        ("/openapi.json", vec!["200", "304"]),
        ("/docs", vec!["200", "304"]),
        ("/docs/{file}", vec!["200", "304", "404"]),
    ] {
        let responses = &api["paths"][path]["get"]["responses"];
        for status in statuses {
            assert!(responses[status].is_object(), "{path} {status}");
        }
    }
    let ready = &api["paths"]["/ready"]["get"]["responses"]["503"];
    assert!(ready["content"]["application/json"].is_object(), "it is a report, no problem");
}

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let app = ready_app().await;
    let answer = app.get("/openapi.json").await.expect(200);
    assert_eq!(answer.body, include_bytes!("../../../../openapi/openapi.json"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"].as_object().unwrap().contains_key("/health"));
    let servers = document["servers"].as_array().into_iter().flatten();
    let urls: Vec<&Value> = servers.map(|server| &server["url"]).collect();
    assert!(
        urls.iter().all(|url| !url.as_str().unwrap().contains("://")),
        "{urls:?}: the document is the same wherever it is served"
    );
}

#[tokio::test]
async fn who_has_the_document_is_told_so() {
    let app = ready_app().await;
    let tag = app.get("/openapi.json").await.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag}: a strong tag");

    let answer = app.get("/openapi.json").header("if-none-match", tag.as_str()).await;
    let answer = answer.expect(304);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("etag"), tag);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");

    app.get("/openapi.json").header("if-none-match", "\"another\"").await.expect(200);
}
