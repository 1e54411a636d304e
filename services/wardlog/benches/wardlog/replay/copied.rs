//! A limit: the view's rows, read once, written by COPY into tables of the same making.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::TryStreamExt;
use sqlx::{Connection, Executor, PgConnection, postgres::PgConnectOptions};

use super::EVENTS;
use crate::load::per_second;

/// The tables of the directory's view.
const TABLES: [&str; 6] = ["trust", "school", "school_urn", "membership", "source", "ingest_key"];

/// Copies what the last rebuild has made; the events that it was made of, by the time that the copy took.
pub async fn copy(database: &PgConnectOptions) -> Result<f64> {
    let mut owner = PgConnection::connect_with(database).await?;
    let from = sqlx::query_scalar!(r#"SELECT max(generation) AS "n!" FROM log.generation WHERE view = 'directory'"#)
        .fetch_one(&mut owner)
        .await?;
    let mut rows = Vec::new();
    for table in TABLES {
        let sql = format!("COPY directory_{from}.{table} TO STDOUT (FORMAT binary)");
        let read: Vec<_> = owner.copy_out_raw(&sql).await?.try_collect().await?;
        rows.push((table, read.concat()));
    }
    let mut transaction = owner.begin().await?;
    transaction.execute("CREATE SCHEMA copied; SET LOCAL search_path TO copied; SELECT log.make_directory()").await?;
    let (began, mut written) = (Instant::now(), 0);
    for (table, rows) in rows {
        let mut copy = transaction.copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
        copy.send(rows).await?;
        written += copy.finish().await?;
    }
    transaction.commit().await?;
    let took = began.elapsed();
    ensure!(written > 0, "expected rows to copy");
    owner.execute("DROP SCHEMA copied CASCADE").await?;
    owner.close().await?;
    Ok(per_second(EVENTS, took))
}
