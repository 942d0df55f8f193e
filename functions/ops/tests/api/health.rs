use crate::boots::ready_app;

#[tokio::test]
async fn health_asks_nobody() {
    let app = ready_app().await;
    let before = app.lab().cloud().calls();

    let answer = app.get("/health").await.expect(200);

    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(answer.json()["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(app.lab().cloud().calls(), before);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let app = ready_app().await;
    app.get("/healthy").await.problem(404);
    for path in ["/health", "/ready", "/openapi.json", "/docs", "/docs/docs.js"] {
        let answer = app.post(path).await;
        assert!(answer.header("allow").contains("GET"), "{path}");
        answer.problem(405);
    }
}
