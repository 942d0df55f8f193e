//! What each route costs: `docs/request-units.md`.

use serde_json::{Value, json};
use testkit::{
    Call, Lab,
    units::{Bill, counting},
};

use crate::plant::{JOBS, Plant};

/// What an operation is for, not asked for yet, by a caller who was here a moment ago.
pub(crate) async fn call(plant: &Plant, method: &str, path: &str) -> Call {
    let job = plant.sleep(0, 10).await;
    if path.ends_with("/retry") {
        plant.post(job, "cancel").await.expect(200);
    }
    if path.ends_with("/redrive") || path.ends_with("/events") {
        plant.finish(job).await;
    }
    let path = if path.ends_with("/{job}") && method == "POST" {
        format!("{JOBS}/demo.sleep")
    } else {
        path.replace("{job}", &job.to_string()).replace("{id}", &job.to_string())
    };
    let call = plant.call(method, &path);
    if path.ends_with("/demo.sleep") { call.json(&json!({"seconds": 0})) } else { call }
}

/// A plant whose HTTP function counts its callers.
pub(crate) async fn counted() -> Plant {
    let mut plant = Plant::in_lab(Lab::new().in_virtual_time()).await;
    let lab = plant.lab.clone();
    plant.app = lab.http("jobs", async |boot| jobs::function(counting(boot)).await).await;
    plant
}

#[tokio::test(start_paused = true)]
async fn request_units_are_those_of_the_page() {
    let document = serde_json::to_value(jobs::openapi()).unwrap();
    let mut bill = Bill::of("jobs");
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().into_iter().flatten().map(|(method, _): (_, &Value)| method) {
            let plant = counted().await;
            let method = method.to_uppercase();
            bill.note(&method, path, &call(&plant, &method, path).await.await);
        }
    }
    bill.check(&document);
}
