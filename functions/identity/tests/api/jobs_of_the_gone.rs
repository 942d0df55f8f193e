//! Who is gone, or may not log in any more, has no jobs: a job that cancels theirs is made in the same change.

use kernel::{Role, job::Job};
use platform::job::{CANCEL_ALL, JOBS_QUEUE};
use serde_json::{Value, json};
use store::job::of_tenant;
use testkit::Lab;

use crate::{account::erase, cast::Cast, people::PASSWORD};

/// What the jobs that cancel jobs say, in the order in which they were asked for.
async fn cancelled(lab: &Lab) -> Vec<Value> {
    let jobs = lab.store().all(&of_tenant(platform::auth::system().tenant_id)).await.unwrap();
    let ours = |job: &Job| job.job_type == CANCEL_ALL && job.queue == JOBS_QUEUE;
    assert!(jobs.iter().all(|job| ours(job)));
    jobs.iter().map(|job| serde_json::from_str(&job.payload).unwrap()).collect()
}

#[tokio::test]
async fn the_jobs_of_somebody_who_is_suspended_are_cancelled() {
    let cast = Cast::new().await;
    let mona = cast.who(Role::Member);
    let path = format!("/api/v1/users/{}", mona.id);
    for status in ["suspended", "suspended", "active"] {
        cast.call(Role::Operator, "PATCH", &path).json(&json!({"status": status})).await.expect(200);
    }
    let told = cancelled(cast.app.lab()).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["user_id"], json!(mona.id));
    let tenants = told[0]["tenant_ids"].as_array().unwrap();
    assert!(tenants.len() == 2 && tenants.contains(&json!(cast.tenant_id)), "{told:?}");
}

#[tokio::test]
async fn the_jobs_of_an_erased_account_and_of_its_tenant_are_cancelled() {
    let cast = Cast::new().await;
    let mona = cast.who(Role::Member).clone();
    erase(&cast.app, &mona, PASSWORD).await.expect(204);
    let told = cancelled(cast.app.lab()).await;
    // Both may be of the same moment.
    let (of_her, of_all): (Vec<&Value>, Vec<&Value>) = told.iter().partition(|job| !job["user_id"].is_null());
    assert_eq!((of_her.len(), of_all.len()), (1, 1), "{told:?}");
    assert_eq!(of_her[0]["user_id"], json!(mona.id));
    assert!(of_her[0]["tenant_ids"].as_array().unwrap().contains(&json!(cast.tenant_id)), "{told:?}");
    assert_eq!(of_all[0]["tenant_ids"].as_array().unwrap().len(), 1, "her own tenant went with her");
}
