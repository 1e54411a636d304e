//! `visible_latency`: from the start of a request to its events being counted, at a steady load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use wardlog::serve::Role;
use web::clock;

use crate::{
    body::{Body, EVENTS},
    clients::percentile,
    connection::Connection,
    load::of,
    options::Effort,
    report::{Limit, Measurement},
    serving::Serving,
    sources::{Place, Source},
};

/// Batches of 500 events sent a second: 10,000 events a second.
const BATCHES: u32 = 20;

/// How often a batch is asked for until it has been counted.
const POLL: Duration = Duration::from_millis(2);

/// Measures the 99th percentile, in milliseconds. The load is open: a slow batch holds up no other, and its time runs
/// from when it was due.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let bodies = Arc::new(Body::make_all(clock::now())?);
    let mut runs = Vec::with_capacity(effort.runs);
    for _ in 0..effort.runs {
        runs.push(percentile(&mut run(&bodies, effort).await?, 99).context("nothing was measured")?);
    }
    let limit = Limit { what: "one second", runs: vec![1_000.0] };
    Ok(Measurement::new("visible_latency", "ms (p99)", runs, &limit).below(1_000.0))
}

async fn run(bodies: &Arc<Vec<Body>>, effort: Effort) -> Result<Vec<Duration>> {
    let place = Place::make().await?;
    let serving = Serving::start(&place.database, [Role::Filtering, Role::Gateway, Role::Projections]).await?;
    let mut batches = JoinSet::new();
    let warm_up = u64::from(BATCHES) * effort.warm_up.as_secs();
    let all = warm_up + u64::from(BATCHES) * effort.window.as_secs() * 2;
    let began = Instant::now();
    for (number, nth) in (0..all).zip(0..) {
        let due = began + Duration::from_secs(1) / BATCHES * nth;
        tokio::time::sleep_until(due.into()).await;
        let connection = Connection::open(serving.running.address).await?;
        let source = of(&place.sources, number).clone();
        let bodies = Arc::clone(bodies);
        batches.spawn(async move {
            let took = until_counted(connection, &source, number, &bodies, due).await?;
            anyhow::Ok((number, took))
        });
    }
    let mut times = Vec::new();
    while let Some(batch) = batches.join_next().await {
        let (number, took) = batch??;
        if number >= warm_up {
            times.push(took);
        }
    }
    serving.stop().await?;
    place.remove().await?;
    Ok(times)
}

async fn until_counted(
    mut connection: Connection,
    source: &Source,
    number: u64,
    bodies: &[Body],
    due: Instant,
) -> Result<Duration> {
    connection.post(source, number, of(bodies, number)).await?;
    loop {
        if let Some(counted) = connection.counted(source, number).await? {
            ensure!(counted == EVENTS as u64, "batch {number}: {counted} events were counted");
            return Ok(due.elapsed());
        }
        tokio::time::sleep(POLL).await;
    }
}
