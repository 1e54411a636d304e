//! `append`: appends to the domain log per second, beside commits of the same row into a plain table; and how long one
//! takes, by how many commit at once.

pub mod log;
mod owners;
mod plain;

use std::sync::Arc;

use anyhow::Result;
use database::{Role, connect};
use rand::RngExt;
use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::{
    clients::{Pace, run, timed},
    options::Effort,
    report::{Measurement, alternate},
    sources,
};
use log::LogTarget;
use owners::OWNERS;
use plain::PlainTarget;

/// How many clients commit at once, each on a connection of its own, and what its 99th percentile is called.
const CLIENTS: [(usize, &str); 4] =
    [(1, "append_p99_1"), (8, "append_p99_8"), (CONNECTIONS, "append_p99_32"), (MOST, "append_p99_128")];

/// How many commit at once where throughput is measured.
pub const CONNECTIONS: usize = 32;

/// The most that commit at once.
const MOST: usize = 128;

/// The length of the name in an event, which makes a payload of some 400 bytes.
const NAME: usize = 386;

/// Measures one event of some 400 bytes a transaction, of owners spread over all partitions.
pub async fn measure(effort: Effort) -> Result<Vec<Measurement>> {
    let (log, plain) = (Arc::new(LogTarget::make().await?), Arc::new(PlainTarget::make().await?));
    let mut measured = Vec::new();
    for (clients, name) in CLIENTS {
        let (runs, limit) = alternate(
            effort.runs,
            async || {
                let log = Arc::clone(&log);
                with_connections(&log.clone().database, clients, async |pool| {
                    run(clients, effort, move |client| {
                        let (log, pool) = (Arc::clone(&log), pool.clone());
                        async move { timed(log.commit(&pool, client, any_owner())).await }
                    })
                    .await
                })
                .await
            },
            async || {
                let plain = Arc::clone(&plain);
                with_connections(&plain.clone().database, clients, async |pool| {
                    run(clients, effort, move |_| {
                        let (plain, pool) = (Arc::clone(&plain), pool.clone());
                        async move { timed(plain.commit(&pool, any_owner())).await }
                    })
                    .await
                })
                .await
            },
        )
        .await?;
        if clients == CONNECTIONS {
            let what = "INSERT of the same row into a table with the same columns and indexes, committed the same way";
            let of = Measurement::of(("append", "appends/s"), (&runs, &limit), what, |pace: &Pace| pace.per_second);
            measured.push(of.ratio_at_least(0.55));
        }
        let what = "the same of the plain INSERT, by as many clients";
        measured.push(Measurement::of((name, "ms (p99)"), (&runs, &limit), what, |pace: &Pace| pace.p99));
    }
    sources::remove(log.database.clone()).await?;
    sources::remove(plain.database.clone()).await?;
    Ok(measured)
}

/// Connections as the role `Directory`, for one run: the server has not as many as all targets could use.
pub async fn with_connections<T>(
    database: &PgConnectOptions,
    count: usize,
    work: impl AsyncFnOnce(PgPool) -> Result<T>,
) -> Result<T> {
    let pool = connect(database, Role::Directory, u32::try_from(count)?).await?;
    let outcome = work(pool.clone()).await;
    pool.close().await;
    outcome
}

fn any_owner() -> usize {
    rand::rng().random_range(0..OWNERS)
}
