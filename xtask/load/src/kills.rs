//! Two sequencers, killed again and again wherever they are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use localstack::functions;
use platform::{Function, function::ScheduleHandler};
use serde_json::{Value, json};
use tlog::Checkpoint;

use crate::{Result, house::House};

/// How many sequencers there are.
const SEQUENCERS: usize = 2;

/// A sequencer lives no longer than this.
const LIFE_MAX: Duration = Duration::from_millis(120);

/// Between one change and the next of each writer.
const PAUSE: Duration = Duration::from_millis(4);

/// Runs for so many seconds, lets one sequencer finish in peace, and verifies the log against all that was published
/// on the way.
pub(crate) async fn kills(seconds: u64) -> Result<Value> {
    let house = Arc::new(House::new()?);
    let end = Instant::now() + Duration::from_secs(seconds);
    let kills = Arc::new(AtomicU64::new(0));
    let changes = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(Arc::clone(&house), Arc::clone(&is_over)));
    let mut tasks = Vec::new();
    for _ in 0..SEQUENCERS {
        let (house, kills) = (Arc::clone(&house), Arc::clone(&kills));
        tasks.push(tokio::spawn(async move { live_and_die(&house, &kills, end).await }));
    }
    for _ in 0..SEQUENCERS {
        let (house, changes) = (Arc::clone(&house), Arc::clone(&changes));
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                house.change().await?;
                changes.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let changes = changes.load(Ordering::Relaxed);
    let sequencer = sequencer(&house).await?;
    while house.published().await? < changes {
        sequencer(EventBridgeEvent::default()).await?;
    }
    is_over.store(true, Ordering::Relaxed);
    let published = watcher.await??;
    let report = house.verify(&published).await?;
    Ok(json!({
        "changes": changes,
        "entries": report.checkpoint.size,
        "kills": kills.load(Ordering::Relaxed),
        "checkpoints": published.len(),
        "continues": report.continues.len(),
    }))
}

async fn sequencer(house: &House) -> Result<ScheduleHandler> {
    let declared = house.template.function("audit-sweeper").ok_or("there is no audit-sweeper")?;
    match audit::sweeper(functions::boot(&house.cloud, declared)).await? {
        Function::Schedule(handler) => Ok(handler),
        _ => Err("the sweeper is behind a schedule".into()),
    }
}

async fn live_and_die(house: &House, kills: &AtomicU64, end: Instant) -> Result<()> {
    while Instant::now() < end {
        let run = tokio::spawn(sequencer(house).await?(EventBridgeEvent::default()));
        let [a, b] = platform::ids::random::<2>();
        tokio::time::sleep(LIFE_MAX * u32::from(u16::from_be_bytes([a, b])) / u32::from(u16::MAX)).await;
        if !run.is_finished() {
            run.abort();
            kills.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Every checkpoint that was seen.
async fn watch(house: Arc<House>, is_over: Arc<AtomicBool>) -> Result<Vec<Checkpoint>> {
    let mut seen: Vec<Checkpoint> = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        if let Some((checkpoint, _)) = house.checkpoint().await?
            && seen.last() != Some(&checkpoint)
        {
            seen.push(checkpoint);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(seen)
}
