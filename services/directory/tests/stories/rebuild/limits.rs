//! A log of any size, and what a rebuild of the directory's view from it is measured against; `make bench` uses the same.

use std::time::{Duration, Instant};

use eventlog::{DomainLog, Log, Offset, PARTITIONS, Partition};
use futures_util::{StreamExt, TryStreamExt, stream};
use schema::directory::SchoolEvent;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, postgres::PgConnectOptions};

/// How many events are read at once, and from how many partitions; as a rebuild does.
const AT_ONCE: (i64, usize) = (500, 4);

/// The tables of the directory's view.
const TABLES: [&str; 6] = ["trust", "school", "school_urn", "membership", "source", "ingest_key"];

/// Writes events of so many schools, so many each, past `log.append`: schools 1, 2, 3 and so on, as UUIDs.
pub async fn fill_the_log(database: &PgConnectOptions, schools: u32, each: u32) -> Result<(), sqlx::Error> {
    let mut owner = PgConnection::connect_with(database).await?;
    owner.execute(include_str!("fill_the_log.sql")).await?;
    owner.execute(AssertSqlSafe(format!("SELECT pg_temp.fill_the_log({schools}, {each})"))).await?;
    owner.execute("ANALYZE log.event").await?;
    owner.close().await
}

/// Reads and decodes the schools' events and does nothing with them; how many there are.
pub async fn decode(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let decoded = stream::iter(0..PARTITIONS).map(|partition| decode_one(pool, Partition::of_row(partition)));
    decoded.buffer_unordered(AT_ONCE.1).try_fold(0, async |sum, decoded| Ok(sum + decoded)).await
}

async fn decode_one(pool: &PgPool, partition: Partition) -> Result<u64, sqlx::Error> {
    let (mut connection, mut after, mut decoded) = (pool.acquire().await?, Offset::START, 0);
    loop {
        let records = DomainLog::read(&mut connection, partition, after, AT_ONCE.0).await?;
        let Some((last, _)) = records.last() else { return Ok(decoded) };
        after = *last;
        for (_, record) in &records {
            let event = record.decode::<SchoolEvent>().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            decoded += u64::from(event.is_some());
        }
    }
}

/// Writes the rows of the view's newest generation by COPY into tables of the same making; how long that takes.
pub async fn copy(database: &PgConnectOptions) -> Result<Duration, sqlx::Error> {
    let mut owner = PgConnection::connect_with(database).await?;
    let newest = sqlx::query_scalar!(r#"SELECT max(generation) AS "n!" FROM log.generation WHERE view = 'directory'"#);
    let newest = newest.fetch_one(&mut owner).await?;
    let mut rows = Vec::new();
    for table in TABLES {
        let sql = format!("COPY directory_{newest}.{table} TO STDOUT (FORMAT binary)");
        let read: Vec<_> = owner.copy_out_raw(&sql).await?.try_collect().await?;
        rows.push((table, read.concat()));
    }
    let mut transaction = owner.begin().await?;
    transaction.execute("CREATE SCHEMA copied; SET LOCAL search_path TO copied; SELECT log.make_directory()").await?;
    let began = Instant::now();
    for (table, rows) in rows {
        let mut copy = transaction.copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
        copy.send(rows).await?;
        copy.finish().await?;
    }
    transaction.commit().await?;
    let took = began.elapsed();
    owner.execute("DROP SCHEMA copied CASCADE").await?;
    owner.close().await?;
    Ok(took)
}
