//! `replay`: events per second folded into a new generation of the directory's view, beside a bare read of the same.

use std::{ops::Range, time::Instant};

use anyhow::{Result, ensure};
use database::{Role, connect, scratch};
use directory::DirectoryView;
use eventlog::{DomainLog, Log, Offset, PARTITIONS, Partition, Rebuild};
use futures_util::{StreamExt, TryStreamExt, stream};
use schema::directory::SchoolEvent;
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::{
    load::per_second,
    options::Effort,
    report::{Limit, Measurement, alternate},
    sources,
};

/// How many events there are: of 2,000 schools, 50 each.
const EVENTS: u64 = 100_000;

/// How many are read at once, and from how many partitions; as a rebuild does.
const AT_ONCE: (i64, usize) = (500, 4);

/// Measures with nothing else on the log.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let database = scratch::database().await;
    fill_the_log(&database).await?;
    let pool = connect(&database, Role::Projections, 4).await?;
    let (runs, limit) = alternate(effort.runs, async || rebuild(&database).await, async || decode(&pool).await).await?;
    pool.close().await;
    sources::remove(database).await?;
    let what = "the same events read and decoded, and nothing done with them";
    Ok(Measurement::new("replay", "events/s", runs, &Limit { what, runs: limit }))
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

async fn decode(pool: &PgPool) -> Result<f64> {
    let began = Instant::now();
    let decoded: Vec<u64> = stream::iter(partitions())
        .map(|partition| decode_one(pool, partition))
        .buffer_unordered(AT_ONCE.1)
        .try_collect()
        .await?;
    let took = began.elapsed();
    ensure!(decoded.iter().sum::<u64>() == EVENTS, "expected {EVENTS} events");
    Ok(per_second(EVENTS, took))
}

async fn decode_one(pool: &PgPool, partition: Partition) -> Result<u64> {
    let (mut connection, mut after, mut decoded) = (pool.acquire().await?, Offset::START, 0);
    loop {
        let records = DomainLog::read(&mut connection, partition, after, AT_ONCE.0).await?;
        let Some((last, _)) = records.last() else { return Ok(decoded) };
        after = *last;
        for (_, record) in &records {
            decoded += u64::from(record.decode::<SchoolEvent>()?.is_some());
        }
    }
}

fn partitions() -> impl Iterator<Item = Partition> {
    let numbers: Range<i16> = 0..PARTITIONS;
    numbers.map(Partition::of_row)
}

/// Writes the events past `log.append`, which is not what is measured here; they have no hashes.
async fn fill_the_log(database: &PgConnectOptions) -> Result<()> {
    let mut owner = PgConnection::connect_with(database).await?;
    owner
        .execute(
            r#"INSERT INTO log.home (owner_id, partition)
               SELECT ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, n % 64 FROM generate_series(1, 2000) n;
               INSERT INTO log.event (partition, "offset", owner_id, school_id, stream, version, type, type_version, actor,
                                      occurred_at, recorded_at, command_id, command_event, correlation_id, previous_hash,
                                      hash, payload)
               SELECT h.partition, row_number() OVER (PARTITION BY h.partition ORDER BY v, h.owner_id), h.owner_id,
                      h.owner_id, 'school-' || h.owner_id, v,
                      CASE v WHEN 1 THEN 'school-registered' ELSE 'school-amended' END, 1, 'bench', now(), now(),
                      'bench-' || v, 1, h.owner_id, sha256(''), sha256(''),
                      convert_to((jsonb_build_object(
                          'name', 'A generated school', 'local_authority', 'Nowhere', 'phase', 'Primary',
                          'kind', 'Academy', 'status', 'Open', 'pupils', v)
                          || CASE v WHEN 1 THEN jsonb_build_object(
                              'school', h.owner_id, 'from', '2026-09-01',
                              'urn', 100000 + row_number() OVER (PARTITION BY v ORDER BY h.owner_id)) ELSE '{}' END)::text,
                          'UTF8')
               FROM log.home h CROSS JOIN generate_series(1, 50) v;
               ANALYZE log.event"#,
        )
        .await?;
    owner.close().await?;
    Ok(())
}
