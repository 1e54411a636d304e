//! `ingest_sustained`: events per second from the first request until the last is counted, beside the statement that
//! costs a counted event most: remembering its id.

mod remembered;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use database::{Role, connect};
use sqlx::PgPool;
use wardlog::serve::Role::{Filtering, Gateway, Projections};
use web::clock;

use crate::{
    body::{Body, EVENTS},
    load::{Load, per_second},
    options::Effort,
    report::{Limit, Measurement},
    serving::Serving,
    sources::Place,
};
use remembered::Remembered;

/// Batches sent for every second of a run's window.
const BATCHES_PER_SECOND: u64 = 200;

/// How often it is asked whether all have been counted.
const POLL: Duration = Duration::from_millis(10);

/// Measures with the projections running in the door's process, as in `wardlog serve`, and everything sealed.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let bodies = Arc::new(Body::make_all(clock::now())?);
    let batches = BATCHES_PER_SECOND * effort.window.as_secs();
    let (mut runs, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..effort.runs {
        let (rate, remembered) = count_all(&bodies, batches).await?;
        runs.push(rate);
        limit.push(remembered.insert_again().await?);
    }
    let what = "remembering the same ids alone, in the same transactions";
    Ok(Measurement::new("ingest_sustained", "events/s", runs, &Limit { what, runs: limit }))
}

/// Sends `batches` and waits until all are counted; the rate, and the ids that counting them remembered.
async fn count_all(bodies: &Arc<Vec<Body>>, batches: u64) -> Result<(f64, Remembered)> {
    let place = Place::make().await?;
    let serving = Serving::start(&place.database, [Filtering, Gateway, Projections]).await?;
    let load = Load::new(serving.running.address, place.sources.clone(), Arc::clone(bodies));
    let projections = connect(&place.database, Role::Projections, 1).await?;
    let events = batches * EVENTS as u64;
    let began = Instant::now();
    load.send(batches).await?;
    let accepted = began.elapsed();
    while counted(&projections).await? < events {
        tokio::time::sleep(POLL).await;
    }
    let took = began.elapsed();
    serving.stop().await?;
    eprintln!("  {events} events: accepted in {accepted:.1?}, counted in {took:.1?}");
    let remembered = Remembered::read(&projections).await?;
    projections.close().await;
    place.remove().await?;
    Ok((per_second(events, took), remembered))
}

/// Events whose batches say that they were counted.
async fn counted(pool: &PgPool) -> Result<u64> {
    let counted = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(counted), 0)::bigint AS "counted!" FROM filtering_counts_1.batch_outcome"#
    )
    .fetch_one(pool)
    .await?;
    Ok(u64::try_from(counted)?)
}
