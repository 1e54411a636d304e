//! `ingest_door`: events per second through the door into the log, beside the same door that stores nothing.

use std::sync::Arc;

use anyhow::{Result, ensure};
use database::{Role, connect};
use eventlog::{Wake, telemetry::Writer};
use filtering::Sink;
use web::clock;

use crate::{
    body::Body,
    door::Door,
    load::Load,
    options::Effort,
    report::{Limit, Measurement, alternate},
    sources::Place,
};

/// As many writers of the log as `wardlog serve` has.
const LANES: usize = 2;

/// Measures with the views paused: no projection runs.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let place = Place::make().await?;
    let bodies = Arc::new(Body::make_all(clock::now())?);
    let vault = place.vault("filtering", Role::Filtering).await?;
    let log =
        Door::open(&place.database, vault.clone(), |pool| Sink::Log(Writer::start(pool, LANES, &Wake::default())))
            .await?;
    let nothing = Door::open(&place.database, vault, |_| Sink::Nothing).await?;
    let to_log = Load::new(log.address, place.sources.clone(), Arc::clone(&bodies));
    let to_nothing = Load::new(nothing.address, place.sources.clone(), bodies);
    let (runs, limit) =
        alternate(effort.runs, async || to_log.rate(effort).await, async || to_nothing.rate(effort).await).await?;
    log.close().await;
    nothing.close().await;
    ensure_stored(&place, to_log.accepted()).await?;
    place.remove().await?;
    let what = "the same door, which stores nothing";
    Ok(Measurement::new("ingest_door", "events/s", runs, &Limit { what, runs: limit })
        .ratio_at_least(0.6)
        .at_least(250_000.0))
}

/// What the door took must be in the log: 2xx means durable.
async fn ensure_stored(place: &Place, accepted: u64) -> Result<()> {
    let pool = connect(&place.database, Role::Projections, 1).await?;
    let stored = sqlx::query_scalar!(r#"SELECT coalesce(sum(accepted), 0)::bigint AS "stored!" FROM telemetry.batch"#)
        .fetch_one(&pool)
        .await?;
    pool.close().await;
    ensure!(u64::try_from(stored)? == accepted, "the door took {accepted} events, and the log has {stored}");
    Ok(())
}
