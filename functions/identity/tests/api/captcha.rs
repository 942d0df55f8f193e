//! What a deployment with a CAPTCHA wants after failed logins.

use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use platform::Boot;
use serde_json::{Value, json};
use testkit::{Answer, App, Lab, server};

use crate::people::{PASSWORD, email, register};

const SECRET: &str = "what-the-service-gave-us";

/// The function of a deployment with this CAPTCHA.
pub(crate) async fn with(lab: &Lab, service: &str) -> App {
    let build = async |boot: Boot| {
        identity::function(Boot { vars: boot.vars.clone().with("AUTH_CAPTCHA", service), ..boot }).await
    };
    lab.http("identity", build).await
}

/// As [`with`], and an account.
async fn with_ann(service: &str) -> App {
    let app = with(&Lab::new(), service).await;
    register(&app, "ann").await.expect(201);
    app
}

pub(crate) async fn login(app: &App, name: &str, password: &str, response: Option<&str>) -> Answer {
    let mut body = json!({"email": email(name), "password": password});
    if let Some(response) = response {
        body["captcha_response"] = response.into();
    }
    app.post("/api/v1/auth/login").json(&body).await
}

/// Fails as often as is allowed without a challenge.
pub(crate) async fn fail(app: &App, name: &str) {
    for _ in 0..identity::captcha::FAILURES_ALLOWED {
        login(app, name, "not this one", None).await.problem(401);
    }
}

fn pointer(answer: Answer) -> Value {
    answer.problem(422)["errors"][0]["pointer"].clone()
}

#[tokio::test]
async fn after_three_failures_the_next_attempt_is_a_person_s() {
    let app = with_ann("stand-in").await;
    login(&app, "ann", PASSWORD, None).await.expect(200);
    fail(&app, "ann").await;
    // None of these is an attempt: however many there are, the pair is not locked.
    for response in [None, Some(""), Some("unsolved"), None, None, None] {
        assert_eq!(pointer(login(&app, "ann", PASSWORD, response).await), "/captcha_response");
    }
    login(&app, "ann", "not this one", Some("solved")).await.problem(401);
    login(&app, "ann", PASSWORD, Some("solved")).await.expect(200);
    login(&app, "ann", PASSWORD, None).await.expect(200);
}

#[tokio::test]
async fn an_address_without_an_account_is_asked_alike() {
    let app = with_ann("stand-in").await;
    fail(&app, "nobody").await;
    assert_eq!(pointer(login(&app, "nobody", "not this one", None).await), "/captcha_response");
}

#[tokio::test]
async fn without_a_service_nobody_is_asked() {
    let app = with_ann("off").await;
    fail(&app, "ann").await;
    login(&app, "ann", PASSWORD, None).await.expect(200);
}

/// A siteverify endpoint that answers what it is told to.
async fn service(answer: Arc<Mutex<(u16, Value)>>, asked: Arc<Mutex<Vec<Value>>>) -> String {
    let (listener, url) = server::bind().await;
    server::serve(listener, move |request| {
        asked.lock().unwrap().push(json!({"path": request.path, "form": request.form()}));
        let (status, document) = &*answer.lock().unwrap();
        (*status, document.to_string())
    });
    format!("{url}/siteverify")
}

#[tokio::test]
async fn a_service_is_asked_as_siteverify_is_and_its_faults_are_not_the_person_s() {
    let answer = Arc::new(Mutex::new((200, json!({"success": true, "hostname": "app.example.com"}))));
    let asked = Arc::default();
    let app = with_ann(&service(Arc::clone(&answer), Arc::clone(&asked)).await).await;
    fail(&app, "ann").await;
    assert!(asked.lock().unwrap().is_empty(), "nobody is asked before it is needed");

    login(&app, "ann", PASSWORD, Some("a-response")).await.problem(503);
    let secrets = Client::new(&app.lab().cloud().sdk_config());
    let id = &app.lab().environment("identity")["CAPTCHA_SECRET"];
    let text = json!({"secret": SECRET}).to_string();
    app.lab().hide(SECRET);
    secrets.put_secret_value().secret_id(id).secret_string(text).send().await.unwrap();

    for (told, status) in [
        ((200, json!({"success": false, "error-codes": ["invalid-input-response"]})), 422),
        ((200, json!({"success": false, "error-codes": ["timeout-or-duplicate"]})), 422),
        ((200, json!({"success": false})), 422),
        ((200, json!({"success": false, "error-codes": ["invalid-input-secret"]})), 503),
        ((500, json!({"success": false, "error-codes": ["internal-error"]})), 503),
        ((200, json!({"success": "true"})), 503),
        ((200, json!(null)), 503),
    ] {
        *answer.lock().unwrap() = told.clone();
        let refused = login(&app, "ann", PASSWORD, Some("a-response")).await;
        assert_eq!(refused.status, status, "{told:?}");
        refused.problem(status);
    }
    asked.lock().unwrap().clear();
    assert_eq!(pointer(login(&app, "ann", PASSWORD, Some(&"x".repeat(8193))).await), "/captcha_response");
    assert!(asked.lock().unwrap().is_empty(), "what is no response is not passed on");

    *answer.lock().unwrap() = (200, json!({"success": true}));
    login(&app, "ann", PASSWORD, Some("a-response")).await.expect(200);
    let form = json!({"secret": SECRET, "response": "a-response", "remoteip": "203.0.113.1"});
    assert_eq!(*asked.lock().unwrap(), [json!({"path": "/siteverify", "form": form})]);
}
