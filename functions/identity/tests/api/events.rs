//! The event in `events/`, as API Gateway sends it.

use platform::Boot;
use serde_json::Value;
use testkit::Lab;

#[tokio::test]
async fn an_api_gateway_event_is_answered_in_its_form() {
    let app = Lab::new().http("identity", identity::function).await;
    let answer = app.replay(include_str!("../../../../events/identity.json")).await;

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

#[tokio::test]
async fn every_fault_of_the_configuration_is_told_at_once() {
    let vars = [("PUBLIC_URL", "nowhere"), ("ALLOWED_ORIGINS", "*"), ("AUTH_IDP_MODE", "magic")];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let boot = Lab::new().boot("identity");
    let Err(error) = identity::function(Boot { vars, ..boot }).await else { panic!("it starts") };
    assert_eq!(error.exit_code(), 78);
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    for name in [
        "PUBLIC_URL:",
        "ALLOWED_ORIGINS:",
        "AUTH_IDP_MODE:",
        "VERIFICATION_KEYS_SECRET is",
        "APP_KEYS_SECRET is",
        "SIGNING_KEYS_SECRET is",
        "PEPPER_SECRET is",
        "IDENTITY_TABLE is",
        "AUDIT_TABLE is",
        "EPHEMERAL_TABLE is",
        "OUTBOX_TABLE is",
    ] {
        assert!(text.contains(name), "{name} is not told: {text}");
    }
}
