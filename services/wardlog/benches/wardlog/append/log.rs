//! The value: `eventlog::append`, as a command's last step calls it.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use database::{Role, connect, scratch, transact};
use eventlog::{Append, AppendError, Cause, Occurred, Owner, Partition, append};
use schema::directory::{TrustEvent, TrustRenamed};
use sqlx::{PgPool, postgres::PgConnectOptions};
use web::clock;

use super::{CONNECTIONS, NAME, owners};
use crate::sources;

/// A domain log, and how far each stream is. A worker has a stream of its own at every owner.
pub struct LogTarget {
    database: PgConnectOptions,
    pool: PgPool,
    owners: Vec<(Owner, Partition)>,
    versions: Vec<AtomicI64>,
}

impl LogTarget {
    /// A new log, with its owners.
    pub async fn make() -> Result<Self> {
        let database = scratch::database().await;
        let pool = connect(&database, Role::Directory, u32::try_from(CONNECTIONS)?).await?;
        let owners = owners::make(&pool).await?;
        let versions = (0..owners.len() * CONNECTIONS).map(|_| AtomicI64::new(0)).collect();
        Ok(Self { database, pool, owners, versions })
    }

    /// Appends one event to `worker`'s stream at `owner`.
    pub async fn commit(&self, worker: usize, owner: usize) -> Result<()> {
        let expected = self.versions[owner * CONNECTIONS + worker].fetch_add(1, Ordering::Relaxed);
        let (owner, _) = self.owners[owner];
        let id = clock::random_id();
        let cause = Cause {
            command_id: id.to_string().parse()?,
            actor: "bench".to_owned(),
            correlation_id: id,
            causation_id: None,
            traceparent: None,
        };
        let event = TrustEvent::Renamed(TrustRenamed { name: "n".repeat(NAME) });
        let events = [Occurred { at: clock::now(), event }];
        let stream = format!("bench-{worker}-{owner:?}");
        transact(&self.pool, move |connection| {
            Box::pin(async move {
                append(connection, Append { owner, stream: &stream, expected, cause: &cause, events: &events }).await
            })
        })
        .await
        .map(|_| ())
        .map_err(|error: AppendError| error.into())
    }

    /// Removes the database.
    pub async fn remove(&self) -> Result<()> {
        self.pool.close().await;
        sources::remove(self.database.clone()).await
    }
}
