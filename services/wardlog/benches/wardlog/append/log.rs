//! The value: `eventlog::append`, as a command's last step calls it.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use database::{Role, connect, scratch, transact};
use eventlog::{Append, AppendError, Cause, Occurred, Owner, append};
use schema::{
    DomainEvent,
    directory::{TrustEvent, TrustRenamed},
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use web::clock;

use super::{MOST, NAME, owners};

/// A domain log, and how far each stream is. A client has a stream of its own at every owner.
pub struct LogTarget {
    /// Where it is.
    pub database: PgConnectOptions,
    owners: Vec<Owner>,
    versions: Vec<AtomicI64>,
}

impl LogTarget {
    /// A new log, with its owners.
    pub async fn make() -> Result<Self> {
        let database = scratch::database().await;
        let pool = connect(&database, Role::Directory, 1).await?;
        let owners: Vec<_> = owners::make(&pool).await?.into_iter().map(|(owner, _)| owner).collect();
        pool.close().await;
        let versions = (0..owners.len() * MOST).map(|_| AtomicI64::new(0)).collect();
        Ok(Self { database, owners, versions })
    }

    /// Appends one event to `client`'s stream at `owner`.
    pub async fn commit(&self, pool: &PgPool, client: usize, owner: usize) -> Result<()> {
        let expected = self.versions[owner * MOST + client].fetch_add(1, Ordering::Relaxed);
        let event = TrustEvent::Renamed(TrustRenamed { name: "n".repeat(NAME) });
        let owner = self.owners[owner];
        append_one(pool, owner, format!("bench-{client}-{owner:?}"), expected, event).await
    }
}

/// Appends one event, in a transaction of its own.
pub async fn append_one<E: DomainEvent + Send + Sync + 'static>(
    pool: &PgPool,
    owner: Owner,
    stream: String,
    expected: i64,
    event: E,
) -> Result<()> {
    let id = clock::random_id();
    let cause = Cause {
        command_id: id.into(),
        actor: "bench".to_owned(),
        correlation_id: id,
        causation_id: None,
        traceparent: None,
    };
    let events = [Occurred { at: clock::now(), event }];
    transact(pool, move |connection| {
        Box::pin(async move {
            append(connection, Append { owner, stream: &stream, expected, cause: &cause, events: &events }).await
        })
    })
    .await
    .map(|_| ())
    .map_err(|error: AppendError| error.into())
}
