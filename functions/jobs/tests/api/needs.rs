//! What the functions need is what they use: that they use nothing else holds in every test, since the embedded cloud
//! denies what a role does not allow.

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kernel::api_key::ApiKeyText;
use serde_json::json;
use testkit::Lab;

use crate::{
    effect::{self, Effect},
    plant::{DEAD, JOBS, Plant, id, scheduler},
};

fn assert_all_used(lab: &Lab, binary: &str, except: &[&str]) {
    // What triggers are read with is Lambda's to do.
    let is_lambda_s = |grant: &str| {
        grant.contains("/stream/")
            || ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
                .iter()
                .any(|action| grant.starts_with(action))
    };
    let unused: Vec<String> = lab
        .unused(binary)
        .into_iter()
        .filter(|grant| !is_lambda_s(grant) && !except.iter().any(|kept| grant.contains(kept)))
        .collect();
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_permission_is_used() {
    let plant = Plant::in_lab(Lab::new().limited().in_virtual_time()).await;
    let job = plant.sleep(0, 10).await;
    assert_eq!(plant.finish(job).await["status"], "dead");
    plant.post(job, "retry").await.expect(200);
    let call = plant.call("POST", &format!("{JOBS}/demo.sleep")).header("idempotency-key", "k");
    call.json(&json!({"seconds": 0})).await.expect(202);
    let long = Effect { bytes: 300_000, ..Effect::default() }.ask(&plant.lab, plant.tenant_id).await;
    plant.relay().await;
    plant.queue.deliver(&effect::worker(&plant.lab), Duration::from_mins(5)).await;
    assert_eq!(plant.get(long).await["status"], "succeeded");
    plant.call("GET", JOBS).await.expect(200);
    plant.queue.send("poison", 0).await;
    let cleaning = json!({"tenant_ids": [plant.tenant_id.to_string()]});
    plant.finish(id(&plant.ask("jobs.cancel_all", cleaning).await.expect(202))).await;
    plant.file().await;
    let letters = plant.call("GET", DEAD).await.expect(200).json();
    let poison = letters["items"].as_array().unwrap().iter().find(|letter| letter["body"] == "poison");
    let letter = poison.unwrap()["id"].as_str().unwrap();
    plant.call("POST", &format!("{DEAD}/{letter}/redrive")).await.expect(204);
    let key = ApiKeyText::new("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(), [7; 32]);
    plant.app.get(JOBS).api_key(key.expose()).await.problem(401);
    plant.app.get(DEAD).header("authorization", "Basic YWRtaW46eA==").await.problem(401);
    // A message that nobody began, for the sweeper.
    plant.sleep(0, 0).await;
    plant.news();
    tokio::time::sleep(Duration::from_secs(61)).await;
    plant.sweep().await;
    let deadline = plant.lab.clock().now() + Duration::from_secs(1);
    let late = plant.call("POST", &format!("{JOBS}/demo.sleep?deadline={deadline}"));
    late.json(&json!({"seconds": 0})).await.expect(202);
    tokio::time::sleep(Duration::from_secs(2)).await;
    plant.sweep().await;
    let event: EventBridgeEvent =
        serde_json::from_str(include_str!("../../../../events/jobs-scheduler.json")).unwrap();
    scheduler(plant.lab.boot("jobs-scheduler")).await(event).await.unwrap();

    // That an object is missing is told to who may list; it never is.
    assert_all_used(&plant.lab, "jobs", &["s3:ListBucket"]);
    assert_all_used(&plant.lab, "jobs-worker", &[]);
    // The other queues are other groups' workers'.
    let others = ["AuditJobsQueue", "IdentityJobsQueue", "JobsClockDeadLetterQueue"];
    assert_all_used(&plant.lab, "jobs-relay", &others);
    assert_all_used(&plant.lab, "jobs-sweeper", &others);
    assert_all_used(&plant.lab, "jobs-dead-letters", &["sqs:ChangeMessageVisibility"]);
    assert_all_used(&plant.lab, "jobs-scheduler", &[]);
}
