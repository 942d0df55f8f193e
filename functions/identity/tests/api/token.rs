//! `POST /auth/token`: what OAuth's clients send, and what they hear.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Role;
use serde_json::{Value, json};
use testkit::Answer;

use testkit::rows::{assert_same, rows, table};

use crate::{
    cast::{Cast, text},
    machines::ask,
    walk::claims,
};

const CLIENT_CREDENTIALS: &str = "grant_type=client_credentials";
const JWT_BEARER: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
const BY_ASSERTION: &str = "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// Requires a refusal as RFC 6749 §5.2 wants it, which is a problem document too.
#[track_caller]
fn refused(answer: Answer, code: &str) -> Value {
    let status = if code == "invalid_client" { 401 } else { 400 };
    let challenge = answer.header("www-authenticate").to_owned();
    assert_eq!(challenge.starts_with("Basic realm="), status == 401, "{challenge}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem = answer.problem(status);
    assert_eq!(problem["error"], code);
    assert_eq!(problem["error_description"], problem["detail"]);
    let kind = format!("urn:groundwork:problem:{}", code.replace('_', "-"));
    assert_eq!(problem["type"], kind);
    problem
}

#[tokio::test]
async fn a_secret_gets_a_token_in_either_way() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let before = table(&rows(cast.app.lab()).await, "audit").len();
    let answer = machine.token(&cast.app, "&scope=members%3Aread").await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    let token = answer.json();
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(token["scope"], "members:read");
    let access = text(&token["access_token"]);
    let says = claims(&access);
    assert_eq!((&says["sub"], &says["client_id"]), (&json!(machine.id), &json!(machine.id)));
    assert!(says.get("sid").is_none(), "a machine has no session: {says}");
    cast.app.get(cast.members("")).bearer(&access).await.expect(200);
    let narrowed = cast.app.get("/api/v1/me").bearer(&access).await.problem(403);
    assert_eq!(narrowed["detail"], "this needs principal:read");

    let basic = STANDARD.encode(format!("{}:{}", machine.id.replace('-', "%2D"), machine.secret));
    let call = cast.app.post("/api/v1/auth/token").header("authorization", format!("Basic {basic}"));
    let call = call.header("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
    let token = call.raw(CLIENT_CREDENTIALS).await.expect(200).json();
    assert_eq!(token["scope"], "principal:read members:read service_accounts:read");
    let entries = table(&rows(cast.app.lab()).await, "audit").len() - before;
    assert_eq!(entries, 2, "each token leaves an entry");
}

#[tokio::test]
async fn an_assertion_gets_a_token_once() {
    let cast = Cast::new().await;
    let app = &cast.app;
    let machine = &cast.who(Role::Owner).machine;
    let endpoint =
        json!({"aud": format!("{}/api/v1/auth/token", app.lab().environment("identity")["PUBLIC_URL"])});
    for (n, (form, name, code)) in
        [(BY_ASSERTION, "client_assertion", "invalid_client"), (JWT_BEARER, "assertion", "invalid_grant")]
            .into_iter()
            .enumerate()
    {
        let assertion = machine.assertion(app, &format!("one {n}"), &endpoint);
        let form = format!("{form}&{name}={assertion}&client_id={}", machine.id);
        let token = ask(app, &form).await.expect(200).json();
        app.get("/api/v1/me").bearer(&text(&token["access_token"])).await.expect(200);
        let before = rows(app.lab()).await;
        refused(ask(app, &form).await, code);
        app.lab().advance(Duration::from_secs(59));
        refused(ask(app, &form).await, code);
        assert_same("a replay", &before, &rows(app.lab()).await);
        app.lab().advance(Duration::from_secs(1));
        refused(ask(app, &form).await, code);
        let stranger = form.replace(&machine.id, "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17");
        refused(ask(app, &stranger).await, code);
    }
}

/// A refusal for another reason leaves the assertion to be used.
#[tokio::test]
async fn what_fails_does_not_use_an_assertion_up() {
    let cast = Cast::new().await;
    let assertion = cast.who(Role::Owner).machine.assertion(&cast.app, "one", &json!({}));
    let form = format!("{BY_ASSERTION}&client_assertion={assertion}");
    refused(ask(&cast.app, &format!("{form}&scope=members%3Awrite")).await, "invalid_scope");
    ask(&cast.app, &form).await.expect(200);
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_are_answered_alike() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let other = &cast.who(Role::Viewer).id;
    let form = |id: &str, secret: &str| format!("{CLIENT_CREDENTIALS}&client_id={id}&client_secret={secret}");
    let foreign = machine.assertion(&cast.app, "j", &json!({"sub": other, "iss": other}));
    let by_assertion = format!("{BY_ASSERTION}&client_assertion=");
    let secret = &machine.secret;
    let wrong = format!("{}{}", &secret[..10], "A".repeat(secret.len() - 10));
    let before = rows(cast.app.lab()).await;
    let mut told = Vec::new();
    for form in [
        form(&machine.id, &wrong),
        form(&machine.id, "gw_cs_"),
        form(&machine.id, "short"),
        form(other, secret),
        form("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17", secret),
        form("nobody", secret),
        form("%00%F0%9F", secret),
        format!("{CLIENT_CREDENTIALS}&client_id={}", machine.id),
        format!("{by_assertion}{foreign}"),
        format!("{by_assertion}x.y.z"),
        format!(
            "{by_assertion}{}",
            machine.assertion(&cast.app, "j", &json!({"aud": "https://elsewhere.example"}))
        ),
    ] {
        let mut problem = refused(ask(&cast.app, &form).await, "invalid_client");
        problem["request_id"] = Value::Null;
        told.push(problem);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    assert_same("a refused client", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn broken_forms_get_their_problem_and_change_nothing() {
    let cast = Cast::new().await;
    let app = &cast.app;
    let secret = &cast.who(Role::Owner).machine.secret;
    let before = rows(app.lab()).await;
    for (form, code) in [
        ("", "invalid_request"),
        ("&&==&=x", "invalid_request"),
        ("grant_type", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=%ff%fe", "unsupported_grant_type"),
        ("{\"grant_type\": \"client_credentials\"}", "invalid_request"),
        (&format!("{CLIENT_CREDENTIALS}&client_secret={secret}"), "invalid_request"),
        (&format!("{BY_ASSERTION}&client_assertion="), "invalid_request"),
        (&format!("{JWT_BEARER}&assertion={}", "a".repeat(100_000)), "invalid_grant"),
        (&format!("{CLIENT_CREDENTIALS}&{}", "x=y&".repeat(100_000)), "invalid_client"),
    ] {
        refused(ask(app, form).await, code);
    }
    let call = |kind: &str| app.post("/api/v1/auth/token").header("content-type", kind);
    call("application/json").raw("{}").await.problem(415);
    call("application/x-www-form-urlencoded").raw(vec![0xff, 0xfe]).await.problem(400);
    call("application/x-www-form-urlencoded").raw(vec![b'a'; (1 << 20) + 1]).await.problem(413);
    app.post("/api/v1/auth/token").raw(CLIENT_CREDENTIALS).await.problem(415);
    for header in ["Basic", "Basic !!!", "Basic YQ==", "Bearer x", "Negotiate", ""] {
        let call = call("application/x-www-form-urlencoded").header("authorization", header);
        refused(call.raw(CLIENT_CREDENTIALS).await, "invalid_client");
    }
    assert_same("a broken form", &before, &rows(app.lab()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_show_one_assertion_at_once_one_gets_a_token() {
    let cast = Cast::new().await;
    let machine = &cast.who(Role::Owner).machine;
    let form = format!("{BY_ASSERTION}&client_assertion={}", machine.assertion(&cast.app, "one", &json!({})));
    let calls = (0..20).map(|_| {
        let (app, form) = (cast.app.clone(), form.clone());
        tokio::spawn(async move { ask(&app, &form).await })
    });
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 401)), "{statuses:?}");
}

/// Machines that share an account do not stand in each other's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_each_get_a_token() {
    let cast = Cast::new().await;
    let calls = (0..20).map(|_| {
        let (app, machine) = (cast.app.clone(), cast.who(Role::Owner).machine.clone());
        tokio::spawn(async move { machine.token(&app, "").await })
    });
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap().expect(200);
    }
}
