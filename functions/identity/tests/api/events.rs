//! The event in `events/`, as API Gateway sends it.

use lambda_http::{
    Context, LambdaEvent, Service as _, aws_lambda_events::apigw::ApiGatewayProxyRequest,
    request::LambdaRequest,
};
use platform::{Function, function};
use serde_json::Value;
use testkit::Lab;

#[tokio::test]
async fn an_api_gateway_event_is_answered_in_its_form() {
    let lab = Lab::new();
    let Ok(Function::Http(router)) = identity::function(lab.boot("identity")).await else {
        panic!("identity is behind API Gateway");
    };
    let event = include_str!("../../../../events/identity.json");
    let mut event: ApiGatewayProxyRequest = serde_json::from_str(event).unwrap();
    // What AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH does on Lambda; a test has no environment of its own.
    event.request_context.stage = None;
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV1(event), Context::default());
    let answer = function::buffered(router).call(event);
    let answer = serde_json::to_value(answer.await.unwrap()).unwrap();

    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert_eq!(answer["isBase64Encoded"], false);
    let header = |name: &str| answer["multiValueHeaders"][name][0].as_str().unwrap();
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(header("www-authenticate"), "Bearer");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["instance"], "/api/v1/me");
    assert_eq!(problem["request_id"], header("x-request-id"));
}
