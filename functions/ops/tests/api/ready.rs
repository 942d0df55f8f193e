use std::time::Duration;

use futures_util::future::join_all;
use platform::Boot;
use serde_json::{Value, json};
use testkit::{
    Answer, InjectedFault, Lab, Service,
    faults::{EFFECTS, cause, lines_of},
};

use crate::{
    boots::{make_keys, ready_app, with},
    silence::Silence,
};

/// Each check with its status.
fn statuses(answer: &Answer) -> Value {
    let report = answer.json();
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            assert!(check["duration_ms"].is_u64());
            json!([check["name"], check["status"]])
        })
        .collect()
}

#[tokio::test]
async fn it_is_ready_when_everything_answers() {
    let app = ready_app().await;
    let answer = app.get("/ready").await.expect(200);
    assert_eq!(answer.json()["status"], "ready");
    assert_eq!(
        statuses(&answer),
        json!([
            ["identity_table", "ok"],
            ["access_table", "ok"],
            ["ephemeral_table", "ok"],
            ["audit_table", "ok"],
            ["outbox_table", "ok"],
            ["verification_keys", "ok"],
            ["app_keys", "ok"],
        ])
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn each_dependency_that_does_not_answer_is_told_and_nothing_else() {
    for (variable, name) in [
        ("IDENTITY_TABLE", "identity_table"),
        ("ACCESS_TABLE", "access_table"),
        ("EPHEMERAL_TABLE", "ephemeral_table"),
        ("AUDIT_TABLE", "audit_table"),
        ("OUTBOX_TABLE", "outbox_table"),
        ("VERIFICATION_KEYS_SECRET", "verification_keys"),
        ("APP_KEYS_SECRET", "app_keys"),
    ] {
        let lab = Lab::new();
        make_keys(&lab).await;
        let build = async |boot: Boot| ops::function(with(boot, variable, "physical-name")).await;
        let app = lab.http("ops", build).await;

        let answer = app.get("/ready").await.expect(503);

        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["status"], "degraded");
        for check in statuses(&answer).as_array().unwrap() {
            let status = if check[0] == name { "failing" } else { "ok" };
            assert_eq!(check[1], status, "{variable}: {check}");
        }
        let body = String::from_utf8(answer.body).unwrap();
        let mut names = ["AUDIT_TABLE", "IDENTITY_TABLE", "VERIFICATION_KEYS_SECRET"]
            .map(|variable| lab.boot("ops").vars.get(variable).unwrap().to_owned())
            .to_vec();
        names.extend(["physical-name", "arn:", "Exception"].map(str::to_owned));
        assert!(names.iter().all(|name| !body.contains(name)), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_way_of_failing_is_told_and_passes() {
    const TABLES: [&str; 5] =
        ["identity_table", "access_table", "ephemeral_table", "audit_table", "outbox_table"];
    let app = ready_app().await;
    for (service, checks) in
        [(Service::Dynamo, &TABLES[..]), (Service::Secrets, &["verification_keys", "app_keys"])]
    {
        for effect in EFFECTS {
            app.lab().cloud().inject(vec![InjectedFault::on(service, effect)]);
            app.lab().advance(Duration::from_mins(1));
            let answer = app.get("/ready").await.expect(503);
            let lines = lines_of(answer.header("x-request-id"));
            for check in statuses(&answer).as_array().unwrap() {
                let fails = checks.contains(&check[0].as_str().unwrap());
                assert_eq!(check[1] == "failing", fails, "{effect:?} of {service:?}: {check}");
                let told = lines.iter().any(|line| {
                    let error = line["error"].as_str().unwrap_or_default();
                    // A check that is tried again for too long tells that.
                    line["check"] == check[0]
                        && (error.contains(cause(effect)) || error.contains("no answer in time"))
                });
                assert_eq!(told, fails, "{effect:?} of {service:?}: the log of {check} is {lines:#?}");
            }
            app.lab().cloud().inject(Vec::new());
            app.lab().advance(Duration::from_mins(1));
            app.get("/ready").await.expect(200);
        }
    }
}

#[tokio::test]
async fn every_permission_is_used() {
    let app = ready_app().await;
    app.get("/ready").await.expect(200);
    let unused = app.lab().unused("ops");
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[tokio::test]
async fn it_is_not_ready_before_there_are_keys() {
    let app = Lab::new().http("ops", ops::function).await;
    let answer = app.get("/ready").await.expect(503);
    assert_eq!(statuses(&answer)[5], json!(["verification_keys", "failing"]));
}

#[tokio::test]
async fn an_answer_stands_for_five_seconds() {
    let app = ready_app().await;
    let lab = app.lab().clone();
    app.get("/ready").await.expect(200);
    let asked = lab.cloud().calls();

    lab.advance(Duration::from_millis(4999));
    app.get("/ready").await.expect(200);
    assert_eq!(lab.cloud().calls(), asked);

    lab.advance(Duration::from_millis(1));
    app.get("/ready").await.expect(200);
    assert_eq!(lab.cloud().calls()["dynamodb:GetItem"], asked["dynamodb:GetItem"] + 5);
    assert_eq!(
        lab.cloud().calls()["secretsmanager:GetSecretValue"],
        asked["secretsmanager:GetSecretValue"] + 2
    );
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_one_answer() {
    let app = ready_app().await;
    let answers = join_all((0..20).map(|_| app.get("/ready").into_future())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(app.lab().cloud().calls()["dynamodb:GetItem"], 5);
}

/// Time passes only while everybody waits.
#[tokio::test(start_paused = true)]
async fn it_answers_in_time_when_nothing_else_does() {
    let lab = Lab::new();
    make_keys(&lab).await;
    let silence = Silence::default();
    let build = async |boot: Boot| {
        let aws = silence.over(&boot.aws);
        ops::function(Boot { aws, ..boot }).await
    };
    let app = lab.http("ops", build).await;
    app.get("/ready").await.expect(200);

    silence.fall();
    app.get("/ready").await.expect(200);
    lab.advance(Duration::from_secs(5));
    let answer = tokio::time::timeout(Duration::from_millis(1100), app.get("/ready").into_future()).await;

    let answer = answer.unwrap().expect(503);
    let statuses = statuses(&answer);
    assert!(
        statuses.as_array().unwrap().iter().all(|check| check[1] == "failing"),
        "{statuses}: a value in a cache is no answer"
    );
    app.get("/health").await.expect(200);
}

/// The same when nothing has answered from the beginning.
#[tokio::test(start_paused = true)]
async fn it_starts_and_says_so_when_nothing_answers() {
    let lab = Lab::new();
    let silence = Silence::default();
    silence.fall();
    let build = async |boot: Boot| {
        let aws = silence.over(&boot.aws);
        ops::function(Boot { aws, ..boot }).await
    };
    let app = tokio::time::timeout(Duration::from_millis(1), lab.http("ops", build)).await;
    let app = app.expect("it asks nobody");

    app.get("/health").await.expect(200);
    let answer = app.get("/ready").await.expect(503);
    let statuses = statuses(&answer);
    let failing: Vec<&Value> = statuses
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check[1] == "failing")
        .map(|check| &check[0])
        .collect();
    assert_eq!(
        failing,
        [
            "identity_table",
            "access_table",
            "ephemeral_table",
            "audit_table",
            "outbox_table",
            "verification_keys",
            "app_keys"
        ]
    );
}
