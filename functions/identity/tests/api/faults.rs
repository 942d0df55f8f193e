//! What the function depends on fails, in every way, and comes back.

use kernel::Role;
use serde_json::json;
use testkit::{
    App, Call, Effect, InjectedFault, Service,
    faults::{EFFECTS, withstands},
};

use crate::{
    cast::Cast,
    mailbox::Post,
    people::{PASSWORD, app, email, login, register},
};

/// A read, a change, a login and a registration.
fn calls(cast: &Cast, number: usize) -> [Call; 4] {
    let password = json!({"email": email("vera"), "password": PASSWORD});
    let name = format!("newcomer{number}");
    let newcomer = json!({"email": email(&name), "username": name, "password": PASSWORD});
    [
        cast.call(Role::Member, "GET", "/api/v1/me"),
        cast.call(Role::Member, "PATCH", "/api/v1/me").json(&json!({"username": format!("mona{number}")})),
        cast.app.post("/api/v1/auth/login").json(&password),
        cast.app.post("/api/v1/auth/register").json(&newcomer),
    ]
}

fn inject(app: &App, faults: Vec<InjectedFault>) {
    app.lab().cloud().inject(faults);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_is_a_503_that_changes_nothing_and_passes() {
    let cast = Cast::new().await;
    withstands(cast.app.lab(), Service::Dynamo, |round| calls(&cast, round).into()).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_failure_is_not_seen_from_outside() {
    let cast = Cast::new().await;
    for (number, effect) in [Effect::Throttle, Effect::Error, Effect::Reset].into_iter().enumerate() {
        for (place, call) in calls(&cast, number).into_iter().enumerate() {
            inject(&cast.app, vec![InjectedFault::on(Service::Dynamo, effect).times(1)]);
            let answer = call.await;
            assert!(answer.status.is_success(), "{effect:?}, call {place}: {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_is_made_once() {
    let app = app().await;
    let lost = InjectedFault::on(Service::Dynamo, Effect::LostAnswer).operation("TransactWriteItems");
    inject(&app, vec![lost.times(1)]);
    register(&app, "lena").await.expect(201);
    login(&app, "lena").await.expect(200);
    register(&app, "lena").await.expect(409);
}

#[tokio::test(start_paused = true)]
async fn secrets_that_cannot_be_read_any_more_are_used_as_last_known() {
    let cast = Cast::new().await;
    for (number, effect) in EFFECTS.into_iter().enumerate() {
        // Beyond the time a secret is kept.
        cast.app.lab().advance(std::time::Duration::from_mins(1));
        inject(&cast.app, vec![InjectedFault::on(Service::Secrets, effect)]);
        for call in calls(&cast, number) {
            let answer = call.await;
            assert!(answer.status.is_success(), "{effect:?}: {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_that_were_never_read_are_a_503_until_they_can_be() {
    for effect in EFFECTS {
        // It has started, and nobody has logged in yet: what signs and the peppers are still to be read.
        let app = app().await;
        inject(&app, vec![InjectedFault::on(Service::Secrets, effect)]);
        for _ in 0..2 {
            let answer = register(&app, "nora").await;
            assert_eq!(answer.header("retry-after"), "1", "{effect:?}");
            answer.problem(503);
        }
        inject(&app, Vec::new());
        app.lab().advance(std::time::Duration::from_secs(5));
        register(&app, "nora").await.expect(201);
        login(&app, "nora").await.expect(200);
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_a_503_until_it_is() {
    let app = app().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&app.lab().cloud().sdk_config());
    let id = &app.lab().environment("identity")["PEPPER_SECRET"];
    secrets.delete_secret().secret_id(id).send().await.unwrap();
    let answer = register(&app, "nora").await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.problem(503);
    secrets.restore_secret().secret_id(id).send().await.unwrap();
    app.lab().advance(std::time::Duration::from_secs(5));
    register(&app, "nora").await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn mail_that_cannot_be_sent_comes_again_and_is_sent() {
    for effect in EFFECTS {
        let app = app().await;
        register(&app, "nora").await.expect(201);
        let post = Post::new(&app).await;
        let jobs = post.jobs();
        inject(&app, vec![InjectedFault::on(Service::Mail, effect)]);
        assert_eq!(post.deliver(&jobs).await, [0], "{effect:?}: the queue keeps it");
        inject(&app, Vec::new());
        assert!(post.deliver(&jobs).await.is_empty(), "{effect:?}");
        assert_eq!(post.mails(&email("nora")).len(), 1, "{effect:?}");
    }
}
