//! `users.import`: accounts from a file, and what becomes of each line.

use std::time::Duration;

use kernel::job::Job;
use platform::{auth::system, bucket::Bucket, function::SqsHandler, job::IDENTITY_QUEUE};
use serde_json::{Value, json};
use testkit::{Effect, InjectedFault, Lab, Service, handler, job::result};

/// bcrypt's of "correct horse battery staple", cost 4.
const PASSWORD: &str = "correct horse battery staple";

fn hash() -> String {
    bcrypt::hash(PASSWORD, 4).unwrap()
}

pub(crate) async fn worker(lab: &Lab) -> SqsHandler {
    handler::sqs(identity::worker(lab.boot("identity-worker")).await)
}

async fn put(lab: &Lab, key: &str, body: String) {
    let bucket = lab.environment("identity-worker")["JOBS_BUCKET"].clone();
    Bucket::new(&lab.cloud().sdk_config(), bucket).create(key, "text/csv", body.into_bytes()).await.unwrap();
}

/// Asks for an import.
async fn ask(lab: &Lab, key: &str, format: &str) -> Job {
    let payload = json!({"key": key, "format": format});
    lab.ask_for_job(lab.wanted_job(system().tenant_id, ("users.import", IDENTITY_QUEUE), &payload)).await
}

/// Hands a message about it to a worker, which has so long.
async fn work(lab: &Lab, job: &Job, left: Duration) -> Job {
    lab.hand_job(job, &worker(lab).await, left).await.0
}

const LEFT: Duration = Duration::from_mins(15);

#[tokio::test(start_paused = true)]
async fn who_is_imported_logs_in_with_the_password_they_have() {
    let lab = Lab::new();
    let app = lab.http("identity", identity::function).await;
    let hash = hash();
    let csv = format!(
        "email,username,password_hash,email_verified\nann@example.com,ann,{hash},true\nbob@example.com,,{hash},\n\
         ann@example.com,ann2,{hash},\nno address,carl,{hash},\ndora@example.com,ann,{hash},\n"
    );
    put(&lab, "imports/a.csv", csv).await;
    let done = result(&work(&lab, &ask(&lab, "imports/a.csv", "csv").await, LEFT).await);
    let counts: Vec<&Value> =
        ["lines", "created", "existing", "refused"].iter().map(|name| &done[*name]).collect();
    assert_eq!(counts, [5, 2, 1, 2], "{done}");
    assert_eq!(done["faults"][0]["line"], 5, "{done}");
    assert_eq!(done["faults"][1], json!({"line": 6, "detail": "this username is taken; choose another"}));
    for email in ["ann@example.com", "bob@example.com"] {
        let login = app.post("/api/v1/auth/login").json(&json!({"email": email, "password": PASSWORD}));
        login.await.expect(200);
    }
    // The same file once more changes nothing.
    let again = result(&work(&lab, &ask(&lab, "imports/a.csv", "csv").await, LEFT).await);
    assert_eq!((&again["created"], &again["existing"]), (&json!(0), &json!(3)), "{again}");
}

#[tokio::test(start_paused = true)]
async fn an_import_that_was_cut_off_anywhere_goes_on_and_counts_each_line_once() {
    let lab = Lab::new().in_virtual_time();
    let hash = hash();
    let line = |n: u32| json!({"email": format!("user{n}@example.com"), "password_hash": hash}).to_string();
    let lines: Vec<String> = (0..8).map(line).collect();
    put(&lab, "imports/b.ndjson", lines.join("\n")).await;
    let job = ask(&lab, "imports/b.ndjson", "ndjson").await;
    let mut calls = 0;
    let done = loop {
        lab.cloud().inject(vec![
            InjectedFault::on(Service::Dynamo, Effect::LostAnswer)
                .of("identity-worker")
                .after(7 + calls % 5)
                .times(9),
        ]);
        let row = work(&lab, &job, LEFT).await;
        lab.cloud().inject(Vec::new());
        if row.status.is_ended() {
            break result(&row);
        }
        tokio::time::sleep(Duration::from_mins(6)).await;
        calls += 1;
        assert!(calls < 40, "{row:#?}");
    };
    assert!(calls > 0, "it was cut off");
    assert_eq!(
        (&done["created"], &done["existing"], &done["lines"]),
        (&json!(8), &json!(0), &json!(8)),
        "{done}"
    );
}

#[tokio::test(start_paused = true)]
async fn many_refused_lines_are_reported_in_files() {
    let lab = Lab::new();
    put(&lab, "imports/c.ndjson", "no json\n".repeat(450)).await;
    let done = result(&work(&lab, &ask(&lab, "imports/c.ndjson", "ndjson").await, LEFT).await);
    assert_eq!((&done["refused"], &done["faults"].as_array().unwrap().len()), (&json!(450), &50));
    let reports = done["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 4);
    let bucket =
        Bucket::new(&lab.cloud().sdk_config(), lab.environment("identity-worker")["JOBS_BUCKET"].clone());
    let report = bucket.get(reports[1].as_str().unwrap()).await.unwrap().unwrap();
    let report: Vec<Value> = serde_json::from_slice(&report).unwrap();
    assert_eq!((report.len(), &report[0]["line"]), (100, &json!(101)));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_there_is_the_end_of_the_job() {
    let lab = Lab::new();
    let failed = work(&lab, &ask(&lab, "imports/none.csv", "csv").await, LEFT).await;
    assert_eq!(
        (failed.status.name(), failed.failure.as_ref().unwrap().rule.as_str()),
        ("failed", "not_found")
    );
    let elsewhere = work(&lab, &ask(&lab, "results/x", "csv").await, LEFT).await;
    assert_eq!(elsewhere.failure.as_ref().unwrap().rule, "invalid");
}

#[tokio::test(start_paused = true)]
async fn every_permission_of_the_worker_is_used() {
    let lab = Lab::new();
    put(&lab, "imports/d.csv", format!("email,password_hash\nann@example.com,{}\n", hash())).await;
    work(&lab, &ask(&lab, "imports/d.csv", "csv").await, LEFT).await;
    work(&lab, &ask(&lab, "imports/none.csv", "csv").await, LEFT).await;
    put(&lab, "imports/e.ndjson", "no json\n".repeat(200)).await;
    work(&lab, &ask(&lab, "imports/e.ndjson", "ndjson").await, LEFT).await;
    let event = json!({ "Records": [{ "messageId": "1", "receiptHandle": "1#1", "body": "poison" }] });
    worker(&lab).await(serde_json::from_value(event).unwrap(), LEFT.into()).await;
    let unused: Vec<String> = lab.unused("identity-worker").into_iter().collect();
    let unused: Vec<&String> = unused
        .iter()
        // What a queue is read with is Lambda's to do; that an object is missing is told to who may list.
        .filter(|grant| !grant.starts_with("sqs:") && !grant.starts_with("s3:ListBucket"))
        .collect();
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_about_a_job_that_is_gone_is_done_with() {
    let lab = Lab::new();
    let event = serde_json::from_str(include_str!("../../../../events/identity-worker.json")).unwrap();
    assert!(worker(&lab).await(event, LEFT.into()).await.batch_item_failures.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_replaced_or_is_too_long_is_refused() {
    let lab = Lab::new();
    let line =
        |name: &str| format!("{{\"email\":\"{name}@example.com\",\"password_hash\":\"{}\"}}\n", hash());
    put(&lab, "imports/f.ndjson", (0..30).map(|n| line(&format!("a{n}"))).collect()).await;
    let job = ask(&lab, "imports/f.ndjson", "ndjson").await;
    // The tables fail behind some lines, for as long as the worker tries.
    lab.cloud()
        .inject(vec![InjectedFault::on(Service::Dynamo, Effect::Error).after(40).of("identity-worker")]);
    let cut = work(&lab, &job, LEFT).await;
    lab.cloud().inject(Vec::new());
    assert!(!cut.status.is_ended() && cut.checkpoint.is_some(), "{cut:?}");
    let bucket = lab.environment("identity-worker")["JOBS_BUCKET"].clone();
    let s3 = aws_sdk_s3::Client::new(&lab.cloud().sdk_config());
    let other = line("b").into_bytes();
    s3.put_object().bucket(&bucket).key("imports/f.ndjson").body(other.into()).send().await.unwrap();
    lab.advance(Duration::from_mins(6));
    let refused = work(&lab, &job, LEFT).await;
    assert_eq!(refused.failure.map(|failure| failure.rule).as_deref(), Some("file_changed"));

    put(&lab, "imports/g.csv", "x".repeat((16 << 20) + 1)).await;
    let refused = work(&lab, &ask(&lab, "imports/g.csv", "csv").await, LEFT).await;
    assert_eq!(refused.failure.map(|failure| failure.rule).as_deref(), Some("too_large"));
}
