//! The limit: the same row into a table with the same columns, checks and indexes, and without what makes it a log.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use database::{Role, connect, scratch, transact};
use eventlog::{Owner, Partition};
use schema::{
    DomainEvent, TrustId,
    directory::{TrustEvent, TrustRenamed},
};
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;
use web::clock;

use super::{NAME, owners};

/// A plain table, and the next offset of each of its owners' partitions.
pub struct PlainTarget {
    /// Where it is.
    pub database: PgConnectOptions,
    owners: Vec<(Uuid, Partition)>,
    offset: AtomicI64,
}

impl PlainTarget {
    /// A database of its own in which a plain table has taken the log's name, so that the compiler checks the SQL.
    pub async fn make() -> Result<Self> {
        let database = scratch::database().await;
        let mut connection = PgConnection::connect_with(&database).await?;
        connection
            .execute(
                "ALTER TABLE log.event RENAME TO event_as_released;
                 CREATE TABLE log.event (LIKE log.event_as_released INCLUDING ALL);
                 GRANT INSERT ON log.event TO wardlog_directory",
            )
            .await?;
        connection.close().await?;
        let pool = connect(&database, Role::Directory, 1).await?;
        let all = owners::make(&pool).await?;
        pool.close().await;
        let owners = all.into_iter().filter_map(|(owner, partition)| match owner {
            Owner::Trust(trust) => Some((TrustId::into(trust), partition)),
            Owner::School(_) => None,
        });
        Ok(Self { database, owners: owners.collect(), offset: AtomicI64::new(1) })
    }

    /// Inserts one row of `owner`.
    pub async fn commit(&self, pool: &PgPool, owner: usize) -> Result<()> {
        let offset = self.offset.fetch_add(1, Ordering::Relaxed);
        let (owner, partition) = self.owners[owner];
        transact(pool, move |connection| Box::pin(insert(connection, owner, partition, offset))).await?;
        Ok(())
    }
}

async fn insert(
    connection: &mut PgConnection,
    owner: Uuid,
    partition: Partition,
    offset: i64,
) -> Result<(), sqlx::Error> {
    let event = TrustEvent::Renamed(TrustRenamed { name: "n".repeat(NAME) });
    let (id, now, hash) = (clock::random_id(), clock::now(), rand::random::<[u8; 32]>());
    sqlx::query!(
        r#"INSERT INTO log.event (partition, "offset", owner_id, trust_id, school_id, stream, version, type, type_version,
                                  actor, occurred_at, recorded_at, command_id, command_event, correlation_id,
                                  causation_id, traceparent, previous_hash, hash, payload)
           VALUES ($1, $2, $3, $3, NULL, $4, $2, $5, $6, 'bench', $7, $7, $8, 1, $9, NULL, NULL, $10, $10, $11)"#,
        partition.number(),
        offset,
        owner,
        format!("bench-{}-{owner}", offset % 32),
        event.name(),
        event.version(),
        now,
        id.to_string(),
        id,
        hash.as_slice(),
        event.encode(),
    )
    .execute(connection)
    .await
    .map(|_| ())
}
