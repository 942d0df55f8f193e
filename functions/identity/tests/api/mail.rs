//! What goes by mail: verifying an address, and the mailer itself.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use platform::{Boot, config::Vars};
use serde_json::json;
use testkit::{Answer, App};

use crate::{
    mailbox::{EVENT, Post, event, mailer},
    people::{PASSWORD, Person, app, email, login, person, register},
};

async fn verify(app: &App, token: &str) -> Answer {
    let body = json!({"token": token});
    app.post("/api/v1/auth/email/verify").json(&body).await
}

async fn send_again(app: &App, who: &Person) -> Answer {
    app.post("/api/v1/me/email/verification").bearer(&who.access).await
}

#[track_caller]
fn assert_refused(answer: Answer) {
    let problem = answer.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/token");
    assert_eq!(problem["errors"][0]["detail"], "is not valid, or no longer; have a new mail sent");
}

#[tokio::test]
async fn an_address_is_verified_with_the_token_from_the_mail() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    let me = || app.get("/api/v1/me").bearer(&ann.access);
    assert_eq!(me().await.json()["email_verified"], false);

    let token = post.token(&ann.email()).await;
    let (subject, text) = post.mails(&ann.email()).remove(0);
    assert_eq!(subject, "Verify your e-mail address");
    assert!(
        text.contains("/api/v1/auth/email/verify") && text.contains("2026-01-01T00:15:00.000Z"),
        "{text}"
    );
    verify(&app, &token).await.expect(204);
    assert_eq!(me().await.json()["email_verified"], true);
    assert_refused(verify(&app, &token).await);
    let done = send_again(&app, &ann).await.problem(409);
    assert!(done["detail"].as_str().unwrap().contains("already_verified"));
}

#[tokio::test]
async fn every_token_that_is_not_good_looks_alike() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    let token = post.token(&ann.email()).await;
    let forgot = app.post("/api/v1/auth/password/forgot").json(&json!({"email": ann.email()})).await;
    forgot.expect(202);
    let reset = post.token(&ann.email()).await;
    let mut flipped = token.clone().into_bytes();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for wrong in ["", "gw_mt_", &token[..token.len() - 1], &flipped, &reset, &ann.refresh] {
        assert_refused(verify(&app, wrong).await);
    }
    app.lab().advance(Duration::from_mins(15));
    assert_refused(verify(&app, &token).await);

    let tokens = login(&app, "ann").await.expect(200).json();
    let ann = Person { access: tokens["access_token"].as_str().unwrap().to_owned(), ..ann };
    send_again(&app, &ann).await.expect(202);
    let fresh = post.token(&ann.email()).await;
    assert_ne!(fresh, token);
    app.lab().advance(Duration::from_mins(15) - Duration::from_millis(1));
    verify(&app, &fresh).await.expect(204);
}

#[tokio::test]
async fn the_token_of_an_erased_account_is_worth_nothing() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    let token = post.token(&ann.email()).await;
    let gone = app.delete("/api/v1/me").bearer(&ann.access).json(&json!({"password": PASSWORD}));
    gone.await.expect(204);
    assert_refused(verify(&app, &token).await);
}

#[tokio::test]
async fn nothing_secret_travels_in_the_queue() {
    let app = app().await;
    let post = Post::new(&app).await;
    register(&app, "ann").await.expect(201);
    let jobs = post.jobs();
    assert_eq!(jobs.len(), 1);
    assert!(!jobs[0].contains("gw_mt_") && !jobs[0].contains('@'), "{jobs:?}");
    let job: serde_json::Value = serde_json::from_str(&jobs[0]).unwrap();
    let fields: Vec<&String> = job.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["kid", "purpose", "token_id", "user_id"]);
}

#[tokio::test]
async fn poison_comes_again_alone() {
    let app = app().await;
    let post = Post::new(&app).await;
    register(&app, "ann").await.expect(201);
    register(&app, "bob").await.expect(201);
    let jobs = post.jobs();
    let unknown = jobs[0].replace("verify_email", "send_money");
    let bodies = [
        "not JSON".to_owned(),
        jobs[0].clone(),
        unknown,
        "{}".to_owned(),
        String::new(),
        jobs[1].clone(),
        "\u{0}".repeat(1000),
        "[".repeat(10_000),
    ];
    assert_eq!(post.deliver(&bodies).await, [0, 2, 3, 4, 6, 7]);
    assert_eq!(post.mails(&email("ann")).len(), 1);
    assert_eq!(post.mails(&email("bob")).len(), 1);
    assert!(post.deliver(&[]).await.is_empty());
}

#[tokio::test]
async fn a_job_that_comes_late_or_twice_does_no_harm() {
    let app = app().await;
    let post = Post::new(&app).await;
    let ann = person(&app, "ann").await;
    let jobs = post.jobs();
    post.deliver(&jobs).await;
    post.deliver(&jobs).await;
    let mails = post.mails(&ann.email());
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1], "the same token, good for once");

    let token = mails[0].1.lines().find(|line| line.starts_with("gw_mt_")).unwrap();
    verify(&app, token).await.expect(204);
    assert!(post.deliver(&jobs).await.is_empty());
    assert_eq!(post.mails(&ann.email()).len(), 2, "a used token is not sent");

    let bob = person(&app, "bob").await;
    app.lab().advance(Duration::from_mins(15));
    assert!(post.deliver(&post.jobs()).await.is_empty());
    assert!(post.mails(&bob.email()).is_empty(), "nor is one that has expired");
}

#[tokio::test]
async fn the_event_of_a_queue_is_taken() {
    let app = app().await;
    let handler = mailer(app.lab().boot("identity-mailer")).await;
    let answer = handler(serde_json::from_str(EVENT).unwrap(), std::time::Duration::MAX.into()).await;
    assert!(answer.batch_item_failures.is_empty(), "a token that is gone");
}

/// AWS whose SES does not answer.
#[derive(Debug)]
struct NoMail(SharedHttpConnector);

impl HttpConnector for NoMail {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().contains("/v2/email/") {
            HttpConnectorFuture::ready(Err(ConnectorError::timeout("nobody there".into())))
        } else {
            self.0.call(request)
        }
    }
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_comes_again() {
    let app = app().await;
    let post = Post::new(&app).await;
    register(&app, "ann").await.expect(201);
    let jobs = post.jobs();
    let boot = app.lab().boot("identity-mailer");
    let real = boot.aws.http_client().unwrap();
    let silent = http_client_fn(move |settings, components| {
        SharedHttpConnector::new(NoMail(real.http_connector(settings, components)))
    });
    let aws = boot.aws.clone().into_builder().http_client(silent).build();
    let handler = mailer(Boot { aws, ..boot }).await;

    let answer =
        handler(event(&[jobs[0].clone(), "poison".to_owned()]), std::time::Duration::MAX.into()).await;
    assert_eq!(answer.batch_item_failures.len(), 2);
    assert!(post.mails(&email("ann")).is_empty());
    assert!(post.deliver(&jobs).await.is_empty());
    assert_eq!(post.mails(&email("ann")).len(), 1);
}

#[tokio::test]
async fn every_fault_of_the_mailer_s_configuration_is_told_at_once() {
    let app = app().await;
    let boot = app.lab().boot("identity-mailer");
    let vars: Vars =
        [("MAIL_FROM".to_owned(), "nobody".to_owned()), ("PUBLIC_URL".to_owned(), "ftp://x".to_owned())]
            .into_iter()
            .collect();
    let Err(error) = identity::mailer(Boot { vars, ..boot }).await else { panic!("it starts") };
    assert_eq!(error.exit_code(), 78);
    assert_eq!(
        error.to_string(),
        "configuration: APP_KEYS_SECRET is not set; MAIL_FROM: must be an e-mail address, or Name <address>; \
         PUBLIC_URL: must be an http or https URL without a trailing slash; IDENTITY_TABLE is not set"
    );
}
