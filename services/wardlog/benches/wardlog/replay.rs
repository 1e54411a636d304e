//! `replay`: events per second folded into a new generation of the directory's view, beside a bare read of the same and
//! the writing of what comes of it.

use std::time::Instant;

use anyhow::{Result, ensure};
use database::{Role, connect, scratch};
use directory::DirectoryView;
use eventlog::Rebuild;
use sqlx::postgres::PgConnectOptions;

use crate::{
    load::per_second,
    options::Effort,
    report::{Limit, Measurement, alternate},
    schools::limits::{copy, decode, fill_the_log},
    sources,
};

/// Of how many schools there are events, and how many of each.
const SCHOOLS: u32 = 2_000;
const EACH: u32 = 50;
const EVENTS: u64 = SCHOOLS as u64 * EACH as u64;

/// Measures with nothing else on the log.
pub async fn measure(effort: Effort) -> Result<[Measurement; 2]> {
    let database = scratch::database().await;
    fill_the_log(&database, SCHOOLS, EACH).await?;
    let pool = connect(&database, Role::Projections, 4).await?;
    let limits = async || {
        let began = Instant::now();
        ensure!(decode(&pool).await? == EVENTS, "expected {EVENTS} events");
        Ok((per_second(EVENTS, began.elapsed()), per_second(EVENTS, copy(&database).await?)))
    };
    let (runs, limits) = alternate(effort.runs, async || rebuild(&database).await, limits).await?;
    pool.close().await;
    sources::remove(database).await?;
    let (decoded, copied) = limits.into_iter().unzip();
    let what = "the same events read and decoded, and nothing done with them";
    let replay = Measurement::new("replay", "events/s", runs.clone(), &Limit { what, runs: decoded });
    let what = "COPY of the rows that they lead to into the same tables, as if each event were a part of that";
    Ok([replay, Measurement::new("replay_copy", "events/s", runs, &Limit { what, runs: copied })])
}

async fn rebuild(database: &PgConnectOptions) -> Result<f64> {
    let rebuild = Rebuild::begin(database, &DirectoryView).await?;
    let began = Instant::now();
    let mut folded = 0;
    rebuild.fill(|filled| folded = filled.records).await?;
    let took = began.elapsed();
    ensure!(folded.unsigned_abs() == EVENTS, "expected {EVENTS} events, folded {folded}");
    Ok(per_second(EVENTS, took))
}
