//! Changes at a steady rate, and how soon each is in a checkpoint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use localstack::{functions, stop, trigger};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{Result, house::House};

/// Changes a second that are asked for: a little more than the goal, so that it can be met.
const RATE: u32 = 1_050;

/// How many changes are under way at once, at most.
const WRITERS: u32 = 16;

/// How often it is looked how long the log is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs for so many seconds, waits until the log has everything, and verifies it.
pub(crate) async fn append(seconds: u64) -> Result<Value> {
    let house = Arc::new(House::new()?);
    let loaded = functions::load(&house.cloud, &house.template).await?;
    let (stopper, stop) = stop::channel();
    let mut triggers = trigger::start(&house.cloud, &loaded, &stop)?;
    // The first change makes the log's key.
    house.change().await?;
    while house.published().await? == 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let before = house.published().await?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let committed = Arc::new(Mutex::new(Vec::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(Arc::clone(&house), Arc::clone(&is_over)));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(Arc::clone(&house), Arc::clone(&committed), writer, start, end));
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    let appended_in = start.elapsed();
    let at_the_end = house.published().await? - before;
    let mut committed = std::mem::take(&mut *committed.lock().await);
    committed.sort();
    let all = before + committed.len() as u64;
    while house.published().await? < all {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let sequenced_in = start.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let seen = watcher.await??;
    stopper.stop();
    while triggers.join_next().await.is_some() {}
    let report = house.verify(&[]).await?;
    let mut waits: Vec<Duration> = Vec::new();
    for (place, at) in (before..).zip(&committed) {
        let shown = seen.iter().find(|(size, _)| *size > place).map_or(Instant::now(), |(_, at)| *at);
        waits.push(shown.saturating_duration_since(*at));
    }
    waits.sort();
    let percentile = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64();
    let count = u32::try_from(committed.len())?;
    let per_second = |time: Duration| f64::from(count) / time.as_secs_f64();
    Ok(json!({
        "entries": count,
        "appended_per_second": per_second(appended_in),
        "sequenced_per_second": per_second(sequenced_in),
        "waiting_at_the_end": u64::from(count) - at_the_end,
        "p50_seconds": percentile(50),
        "p99_seconds": percentile(99),
        "verified": report.checkpoint.size,
    }))
}

/// One writer's share of the rate: its turns are spread over each second.
async fn write(
    house: Arc<House>,
    committed: Arc<Mutex<Vec<Instant>>>,
    writer: u32,
    start: Instant,
    end: Instant,
) -> Result<()> {
    let mut turn = writer;
    loop {
        let due = start + Duration::from_secs(1) * turn / RATE;
        if due >= end || Instant::now() >= end {
            return Ok(());
        }
        tokio::time::sleep_until(due.into()).await;
        house.change().await?;
        committed.lock().await.push(Instant::now());
        turn += WRITERS;
    }
}

/// When the log was seen to have how many entries, as it grew.
async fn watch(house: Arc<House>, is_over: Arc<AtomicBool>) -> Result<Vec<(u64, Instant)>> {
    let mut seen = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let size = house.published().await?;
        if seen.last().is_none_or(|(known, _)| *known < size) {
            seen.push((size, Instant::now()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    seen.push((house.published().await?, Instant::now()));
    Ok(seen)
}
