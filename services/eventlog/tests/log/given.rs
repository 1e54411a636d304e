//! What the tests start from: a database, owners in a known partition, and appends of a plain event.

use chrono::{DateTime, Utc};
use database::{Role, connect, scratch};
use eventlog::{Append, AppendError, Appended, Cause, Log, Occurred, Offset, Owner, Partition, append, join};
use schema::{
    TrustId,
    directory::{TrustEvent, TrustRenamed},
};
use sqlx::{PgConnection, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

/// A migrated database, and a pool of the role that appends.
pub async fn a_log() -> (PgConnectOptions, PgPool) {
    let database = scratch::database().await;
    let pool = connect(&database, Role::Directory, 16).await.unwrap();
    (database, pool)
}

/// `count` owners that all have their home in one partition.
pub async fn owners_of_one_partition(pool: &PgPool, count: usize) -> (Partition, Vec<Owner>) {
    let mut connection = pool.acquire().await.unwrap();
    let first = Owner::Trust(TrustId::from(Uuid::from_u128(1)));
    let partition = join(&mut connection, first).await.unwrap();
    let mut owners = vec![first];
    let mut next = 2;
    while owners.len() < count {
        let owner = Owner::Trust(TrustId::from(Uuid::from_u128(next)));
        if join(&mut connection, owner).await.unwrap() == partition {
            owners.push(owner);
        }
        next += 1;
    }
    (partition, owners)
}

/// A cause with the given command id.
pub fn cause(command_id: &str) -> Cause {
    Cause {
        command_id: command_id.parse().unwrap(),
        actor: "test".to_owned(),
        correlation_id: Uuid::from_u128(7),
        causation_id: None,
        traceparent: None,
    }
}

/// An instant; when an event of these tests happened does not matter.
pub fn then() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

/// Appends one event in the transaction of `connection`.
pub async fn append_one(
    connection: &mut PgConnection,
    owner: Owner,
    stream: &str,
    expected: i64,
    command_id: &str,
) -> Result<Appended, AppendError> {
    let event = TrustEvent::Renamed(TrustRenamed { name: format!("name by {command_id}") });
    let cause = cause(command_id);
    append(connection, Append { owner, stream, expected, cause: &cause, events: &[Occurred { at: then(), event }] })
        .await
}

/// All offsets of a partition that a reader can see now, after `after`.
pub async fn read_after(pool: &PgPool, partition: Partition, after: Offset) -> Vec<(Offset, eventlog::EventRecord)> {
    let mut connection = pool.acquire().await.unwrap();
    eventlog::DomainLog::read(&mut connection, partition, after, i64::MAX).await.unwrap()
}

/// Waits for `done`, which must come within `limit`.
pub async fn within(limit: std::time::Duration, what: &str, done: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(limit, done).await.is_ok(), "expected {what} within {limit:?}");
}
