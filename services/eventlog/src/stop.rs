//! Events that a view cannot fold: the view waits before one in its partition, until it can, or until it is decided that
//! the event is passed over.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};

use crate::{Behind, Offset, Partition, ProjectionError};

/// A view that waits before an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The view.
    pub view: String,
    /// The partition, which alone waits.
    pub partition: Partition,
    /// The event that it cannot fold.
    pub offset: Offset,
    /// Why not, without the event's content.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How often it has been tried; once a minute.
    pub tries: i32,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum SkipError {
    /// Only an event that a view waits before can be passed over.
    #[error("view {view} does not wait before offset {offset} of partition {partition}: see `wardlog doctor`")]
    NotStopped {
        /// The view.
        view: String,
        /// The partition.
        partition: Partition,
        /// The offset.
        offset: Offset,
    },
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The reason as it may be kept: what PostgreSQL says of a row can quote it, so of that only the code.
pub(crate) fn reason(error: &ProjectionError) -> String {
    match error {
        ProjectionError::Database(sqlx::Error::Database(error)) => {
            format!("the view refuses it: SQLSTATE {}", error.code().as_deref().unwrap_or("unknown"))
        }
        error => error.to_string(),
    }
}

/// Records that `view` cannot fold the record after `at`, and raises the alarm the first time.
pub(crate) async fn record(pool: &PgPool, view: &str, at: Behind, reason: &str) -> Result<(), sqlx::Error> {
    let offset = at.offset.0 + 1;
    let mut transaction = pool.begin().await?;
    let tries = sqlx::query_scalar!(
        r#"INSERT INTO log.stopped AS s (view, partition, "offset", reason, since, tried_at, tries)
           SELECT $1, $2, $4::bigint, $5, clock_timestamp(), clock_timestamp(), 1 FROM log.checkpoint c
           WHERE c.view = $1 AND c.partition = $2 AND c.epoch = $3 AND c."offset" = $4::bigint - 1
             AND NOT EXISTS (SELECT FROM log.skip k WHERE k.view = $1 AND k.partition = $2 AND k."offset" = $4)
           ON CONFLICT (view, partition) DO UPDATE
           SET "offset" = excluded."offset", reason = excluded.reason, tried_at = excluded.tried_at,
               since = CASE WHEN s."offset" = excluded."offset" THEN s.since ELSE excluded.since END,
               tries = CASE WHEN s."offset" = excluded."offset" THEN s.tries + 1 ELSE 1 END
           RETURNING tries"#,
        view,
        at.partition.0,
        at.epoch,
        offset,
        reason,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    if tries == Some(1) {
        tracing::error!(
            alarm = "view-stopped",
            view,
            partition = at.partition.0,
            offset,
            reason,
            "a view cannot fold an event and waits before it: mend the view, or decide with `wardlog skip`"
        );
    }
    Ok(())
}

/// Every view that waits, the longest first.
pub async fn stops(connection: &mut PgConnection) -> Result<Vec<Stop>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT s.view, s.partition, s."offset", s.reason, s.since, s.tries FROM log.stopped s
           ORDER BY s.since, s.view, s.partition"#
    );
    let stops = rows.fetch_all(connection).await?.into_iter().map(|row| Stop {
        view: row.view,
        partition: Partition(row.partition),
        offset: Offset(row.offset),
        reason: row.reason,
        since: row.since,
        tries: row.tries,
    });
    Ok(stops.collect())
}

/// Decides for ever that `view` passes over the event that it waits before; `reason` and `actor` stay with the decision.
pub async fn skip(
    connection: &mut PgConnection,
    view: &str,
    (partition, offset): (Partition, Offset),
    actor: &str,
    reason: &str,
) -> Result<(), SkipError> {
    // At once: a view that is tried again between the two would wait another minute. The checkpoint is held, for an event
    // that the view folds after all must not be one that it is said to have passed over.
    let mut transaction = connection.begin().await?;
    let waits = sqlx::query_scalar!(
        r#"SELECT "offset" FROM log.checkpoint WHERE view = $1 AND partition = $2 FOR UPDATE"#,
        view,
        partition.0,
    );
    let waits = waits.fetch_optional(&mut *transaction).await? == Some(offset.0 - 1);
    let stopped = sqlx::query!(
        r#"DELETE FROM log.stopped WHERE view = $1 AND partition = $2 AND "offset" = $3"#,
        view,
        partition.0,
        offset.0,
    );
    if !waits || stopped.execute(&mut *transaction).await?.rows_affected() != 1 {
        return Err(SkipError::NotStopped { view: view.to_owned(), partition, offset });
    }
    sqlx::query!(
        r#"INSERT INTO log.skip (view, partition, "offset", reason, actor) VALUES ($1, $2, $3, $4, $5)"#,
        view,
        partition.0,
        offset.0,
        reason,
        actor,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}
