//! The event in `events/`, as API Gateway sends it.

use serde_json::Value;
use testkit::Lab;

#[tokio::test]
async fn an_api_gateway_event_is_answered_in_its_form() {
    let app = Lab::new().http("access", access::function).await;
    let answer = app.replay(include_str!("../../../../events/access.json")).await;

    assert_eq!(answer["statusCode"], 401, "{answer}");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["instance"], "/api/v1/admin/api-keys");
    assert_eq!(problem["request_id"], answer["multiValueHeaders"]["x-request-id"][0]);
}
