//! Whatever changes something leaves its entry in the audit log, wherever it is cut off.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::json;
use testkit::{
    rows::{rows, table},
    trail::{actions_of, changing, entries_of},
};

use crate::{
    plant::{JOBS, Plant, id},
    units::{call, counted},
};

#[tokio::test(start_paused = true)]
async fn every_change_has_its_entry_and_every_entry_its_change() {
    let mut trail = String::new();
    for (method, path) in changing(&serde_json::to_value(jobs::openapi()).unwrap()) {
        let name = format!("{method} {path}");
        let prepare = async || {
            let plant = counted().await;
            let call = call(&plant, &method, &path).await;
            (plant.lab.clone(), call)
        };
        let actions: Vec<String> = actions_of(&name, "jobs", prepare).await.into_iter().collect();
        assert!(!actions.is_empty(), "{name} changes nothing, or leaves no entry");
        writeln!(trail, "{name}: {}", actions.join(", ")).unwrap();
    }
    insta::assert_snapshot!(trail);
}

/// What becomes of jobs without anybody asking for it.
#[tokio::test(start_paused = true)]
async fn every_end_of_a_job_has_its_entry() {
    let plant = Plant::new().await;
    plant.finish(plant.sleep(0, 0).await).await;
    plant.finish(plant.sleep(0, 10).await).await;
    let job = plant.sleep(100, 0).await;
    plant.relay().await;
    plant.queue.deliver(&plant.worker, std::time::Duration::from_secs(10)).await;
    plant.post(job, "cancel").await.expect(200);
    let deadline = plant.lab.clock().now() + std::time::Duration::from_secs(2);
    let late = plant.call("POST", &format!("{JOBS}/demo.sleep?deadline={deadline}"));
    plant.finish(id(&late.json(&json!({"seconds": 60})).await.expect(202))).await;
    plant.queue.send("poison", 0).await;
    plant.work().await;
    plant.file().await;
    for (action, count) in [
        ("job.enqueue", 4),
        ("job.succeed", 1),
        ("job.retry", 4),
        ("job.die", 1),
        ("job.hand_back", 1),
        ("job.cancel", 1),
        ("job.expire", 1),
        ("dead_letter.file", 1),
    ] {
        assert_eq!(entries_of(&plant.lab, action).await, count, "{action}");
    }
    let rows = rows(&plant.lab).await;
    let jobs: BTreeSet<_> =
        table(&rows, "jobs").iter().filter(|row| row.contains("kind: S(\"job\")")).collect();
    assert_eq!(jobs.len(), 4);
}
