//! The event in `events/`, as API Gateway sends it.

use serde_json::Value;
use testkit::Lab;

const EVENT: &str = include_str!("../../../../events/ops.json");

async fn replay(event: &str) -> Value {
    Lab::new().http("ops", ops::function).await.replay(event).await
}

#[tokio::test]
async fn the_function_takes_the_event_of_api_gateway() {
    let answer = replay(EVENT).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["isBase64Encoded"], false);
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["status"], "ok");
    assert_eq!(
        answer["multiValueHeaders"]["x-request-id"][0], "b5e3c1a0-7c7e-4a55-8a0e-7b6f6d5b2f10",
        "the gateway's own id"
    );
}

#[tokio::test]
async fn bytes_travel_as_base64() {
    // What gzip and PNG begin with.
    for (path, first) in [("/docs/swagger-ui-bundle.js", "H4sI"), ("/docs/favicon-32x32.png", "iVBORw0KGgo")]
    {
        let answer = replay(&EVENT.replace("\"/health\"", &format!("\"{path}\""))).await;
        assert_eq!(answer["isBase64Encoded"], true, "{path}");
        assert!(answer["body"].as_str().unwrap().starts_with(first), "{path}");
    }
}
