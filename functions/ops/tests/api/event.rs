//! The event in `events/`, as API Gateway sends it.

use lambda_http::{aws_lambda_events::apigw::ApiGatewayProxyRequest, request::LambdaRequest};
use lambda_runtime::{Context, LambdaEvent};
use platform::Function;
use serde_json::Value;
use testkit::Lab;
use tower::ServiceExt as _;

/// What the function answers API Gateway when it is asked for `path`.
async fn replay(path: Option<&str>) -> Value {
    let text = include_str!("../../../../events/ops.json");
    let mut event: ApiGatewayProxyRequest = serde_json::from_str(text).unwrap();
    event.path = path.map(str::to_owned).or(event.path);
    let Ok(Function::Http(router)) = ops::function(Lab::new().boot("ops")).await else {
        panic!("an HTTP function")
    };
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV1(event), Context::default());
    let Ok(answer) = platform::function::buffered(router).oneshot(event).await;
    serde_json::to_value(answer).unwrap()
}

#[tokio::test]
async fn the_function_takes_the_event_of_api_gateway() {
    let answer = replay(None).await;
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
        let answer = replay(Some(path)).await;
        assert_eq!(answer["isBase64Encoded"], true, "{path}");
        assert!(answer["body"].as_str().unwrap().starts_with(first), "{path}");
    }
}
