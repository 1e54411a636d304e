//! A view as of an instant: folded again from what had been recorded by then, into tables that last for one question.
//!
//! What counts is when an event was recorded, never when it happened: the answer is what was known then. A fact recorded
//! by the instant is in it, though it hold from a later day; one that was recorded afterwards is not, though it happened
//! before. The view's rules are today's, and so are the decisions to pass events over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{DomainLog, Offset, Owner, Partition, Projection, ProjectionError, project::apply};

/// A view that can be asked as of an instant, because what it shows of an owner comes of that owner's events alone.
///
/// The queries that are asked name its tables without a schema: the search path decides whether these are the shown
/// ones or those of the instant.
pub trait AsOf: Projection<Log = DomainLog> {}

/// Why a view cannot say what it would have shown.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// What will have been recorded by then is not known yet.
    #[error("at: expected an instant that has passed, found {at}; the log's clock says {now}")]
    InTheFuture {
        /// The instant that was asked for.
        at: DateTime<Utc>,
        /// The instant of the question, by the database's clock.
        now: DateTime<Utc>,
    },
    /// The answer would have been of now, or of now and then.
    #[error(
        "the question reads {relation}, which knows of no instant: it must name the view's tables without a schema"
    )]
    ReadsNow {
        /// A table or view that it reads and that is not of the instant.
        relation: String,
    },
    /// An event of the owners' cannot be folded, and it has not been decided to pass it over.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What `question` finds in `view` as it would have been at `at`, had it only folded the events of `owners`.
///
/// `pool` acts as a role that may read the log and make temporary tables; of these nothing remains.
pub async fn as_of<P: AsOf, T: Send + 'static>(
    pool: &PgPool,
    view: Arc<P>,
    owners: &[Owner],
    at: DateTime<Utc>,
    question: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, AsOfError> {
    let owners: Vec<Uuid> = owners.iter().map(|owner| owner.id()).collect();
    let homes = settled_homes(&mut *pool.acquire().await?, &owners, at).await?;
    database::rehearse(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!("SELECT log.make_for_an_instant($1)", P::NAME).fetch_one(&mut *connection).await?;
            for home in homes {
                fold(&mut *connection, view.as_ref(), &owners, at, home).await?;
            }
            read_only(connection).await?;
            let answer = question(connection).await?;
            refuse_what_is_shown_now(connection).await?;
            Ok(answer)
        })
    })
    .await
}

/// The partitions of the owners, once nothing more can come into them that was recorded by `at`.
///
/// An append takes its instant of recording under the lock of its partition and holds that until it has committed. So
/// who has had the lock after `at` has seen the last of what can be recorded by then, if the log's clock is not set back.
async fn settled_homes(
    connection: &mut PgConnection,
    owners: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Vec<Partition>, AsOfError> {
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut *connection).await?;
    if at > now {
        return Err(AsOfError::InTheFuture { at, now });
    }
    let homes = sqlx::query_scalar!("SELECT DISTINCT partition FROM log.home WHERE owner_id = ANY ($1)", owners);
    let homes = homes.fetch_all(&mut *connection).await?;
    for &home in &homes {
        // A transaction of its own: the lock of `log.append` is let go at once, and holds up no command while the next is
        // waited for.
        let waited = sqlx::query!("SELECT pg_advisory_xact_lock_shared(1465009991, $1)", i32::from(home));
        waited.fetch_one(&mut *connection).await?;
    }
    Ok(homes.into_iter().map(Partition).collect())
}

/// Folds what the owners had in a partition by `at`.
async fn fold<P: AsOf>(
    connection: &mut PgConnection,
    view: &P,
    owners: &[Uuid],
    at: DateTime<Utc>,
    partition: Partition,
) -> Result<(), AsOfError> {
    let skipped = sqlx::query_scalar!(
        r#"SELECT "offset" FROM log.skip WHERE view = $1 AND partition = $2"#,
        P::NAME,
        partition.0
    );
    let skipped = skipped.fetch_all(&mut *connection).await?;
    let mut after = Offset::START;
    loop {
        let mut records = DomainLog::read_recorded_by(connection, owners, at, (partition, after), P::TAKES).await?;
        let Some(&(last, _)) = records.last() else { return Ok(()) };
        records.retain(|(offset, _)| !skipped.contains(&offset.0));
        apply(view, connection, records).await?;
        after = last;
    }
}

/// A question that wrote would be told that it has, and it would not be so.
async fn read_only(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT set_config('transaction_read_only', 'on', true)").fetch_one(connection).await.map(|_| ())
}

/// Refuses an answer from anything but the tables of the instant. A transaction holds a lock on each relation that it
/// has read until its end, so its locks tell.
async fn refuse_what_is_shown_now(connection: &mut PgConnection) -> Result<(), AsOfError> {
    let read = sqlx::query_scalar!(
        r#"SELECT c.oid::regclass::text AS "relation!" FROM pg_locks l
           JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND n.nspname NOT LIKE 'pg\_%'
             AND c.oid <> ALL (ARRAY['log.event', 'log.home', 'log.skip']::regclass[]) AND c.relkind <> 'i'
           ORDER BY c.relkind = 'v' DESC, 1 LIMIT 1"#
    );
    match read.fetch_optional(connection).await? {
        None => Ok(()),
        Some(relation) => Err(AsOfError::ReadsNow { relation }),
    }
}
