//! What a run wrote into `filtering_counts_1.seen`, to be written again with nothing beside it.

use std::time::Instant;

use anyhow::{Result, ensure};
use chrono::NaiveDate;
use database::{Role, connect, scratch, transact};
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{load::per_second, sources};

/// As many at once as a projection folds partitions.
const AT_ONCE: usize = 2;

/// Ids by transaction and source, in the order in which they were written.
pub struct Remembered(Vec<Inserted>);

#[derive(Clone)]
struct Inserted {
    source: Uuid,
    day: NaiveDate,
    ids: Vec<i64>,
}

impl Remembered {
    /// Reads it back from the table: rows of one transaction have the same `xmin`.
    pub async fn read(pool: &PgPool) -> Result<Self> {
        let inserted = sqlx::query_as!(
            Inserted,
            r#"SELECT source_id AS source, day, array_agg(event_hash ORDER BY event_hash) AS "ids!"
               FROM filtering_counts_1.seen GROUP BY source_id, day, xmin::text ORDER BY min(xmin::text::bigint), source_id"#
        )
        .fetch_all(pool)
        .await?;
        ensure!(!inserted.is_empty(), "the run remembered no id");
        Ok(Self(inserted))
    }

    /// Writes the same into a new database; rows per second.
    pub async fn insert_again(self) -> Result<f64> {
        let database = scratch::database().await;
        let pool = connect(&database, Role::Projections, 8).await?;
        let rows = self.0.iter().map(|inserted| inserted.ids.len() as u64).sum();
        let began = Instant::now();
        stream::iter(self.0)
            .map(|inserted| insert(&pool, inserted))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        let took = began.elapsed();
        pool.close().await;
        sources::remove(database).await?;
        Ok(per_second(rows, took))
    }
}

async fn insert(pool: &PgPool, inserted: Inserted) -> Result<(), sqlx::Error> {
    transact(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!(
                "INSERT INTO filtering_counts_1.seen (source_id, event_hash, day) SELECT $1, unnest($2::bigint[]), $3",
                inserted.source,
                &inserted.ids,
                inserted.day
            )
            .execute(connection)
            .await
            .map(|_| ())
        })
    })
    .await
}
