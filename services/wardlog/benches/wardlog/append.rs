//! `append`: appends to the domain log per second, beside commits of the same row into a plain table.

mod log;
mod owners;
mod plain;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::Result;
use rand::RngExt;
use tokio::task::JoinSet;

use crate::{
    load::per_second,
    options::Effort,
    report::{Limit, Measurement, alternate},
};
use log::LogTarget;
use owners::OWNERS;
use plain::PlainTarget;

/// How many connections commit at once.
pub const CONNECTIONS: usize = 32;

/// The length of the name in an event, which makes a payload of some 400 bytes.
pub const NAME: usize = 386;

/// Measures one event of some 400 bytes a transaction, of owners spread over all partitions.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let log = Arc::new(LogTarget::make().await?);
    let plain = Arc::new(PlainTarget::make().await?);
    let (runs, limit) = alternate(
        effort.runs,
        async || {
            let log = Arc::clone(&log);
            rate(effort, move |worker, owner| {
                let log = Arc::clone(&log);
                async move { log.commit(worker, owner).await }
            })
            .await
        },
        async || {
            let plain = Arc::clone(&plain);
            rate(effort, move |_, owner| {
                let plain = Arc::clone(&plain);
                async move { plain.commit(owner).await }
            })
            .await
        },
    )
    .await?;
    log.remove().await?;
    plain.remove().await?;
    let what = "INSERT of the same row into a table with the same columns and indexes, committed the same way";
    Ok(Measurement::new("append", "appends/s", runs, &Limit { what, runs: limit }).ratio_at_least(0.55))
}

/// Commits by every worker, each for owners drawn at random, for as long as `effort` says; commits per second of the window.
async fn rate<C, F>(effort: Effort, commit: C) -> Result<f64>
where
    C: Fn(usize, usize) -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut workers = JoinSet::new();
    for worker in 0..CONNECTIONS {
        let (commit, stop, done) = (commit.clone(), Arc::clone(&stop), Arc::clone(&done));
        workers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let owner = rand::rng().random_range(0..OWNERS);
                commit(worker, owner).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(effort.warm_up).await;
    let (began, before) = (Instant::now(), done.load(Ordering::Relaxed));
    tokio::time::sleep(effort.window).await;
    let (took, after) = (began.elapsed(), done.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(per_second(after - before, took))
}
