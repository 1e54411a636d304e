//! One transaction of a projection: read, move the checkpoint from where it was read, apply.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::PgConnection;
use sqlx::PgPool;

use super::{Projection, ProjectionError};
use crate::{Behind, Log, Offset};

/// Folds at most `takes` records into `view`, a table set of `projection`'s; how many, counting those that are skipped.
pub(crate) async fn fold<P: Projection>(
    pool: &PgPool,
    projection: &P,
    view: &str,
    from: Behind,
    takes: i64,
) -> Result<usize, ProjectionError> {
    let mut transaction = pool.begin().await?;
    let mut records = P::Log::read(&mut transaction, from.partition, from.offset, takes).await?;
    let Some(&(last, _)) = records.last() else { return Ok(0) };
    for (expected, (found, _)) in (from.offset.0 + 1..).zip(&records) {
        if found.0 != expected {
            return Err(ProjectionError::Gap { expected, found: found.0 });
        }
    }
    let count = records.len();
    // The checkpoint moves first: a second process that folds the same partition waits here for its lock, and then finds
    // itself overtaken before it has touched the view.
    let skipped = advance(&mut transaction, P::NAME, view, from, last).await?;
    records.retain(|(offset, _)| !skipped.contains(&offset.0));
    apply(projection, &mut transaction, records).await?;
    transaction.commit().await?;
    Ok(count)
}

/// Applies records of one partition; a projection that panics over them cannot fold them.
pub(crate) async fn apply<P: Projection>(
    projection: &P,
    connection: &mut PgConnection,
    records: Vec<(Offset, <P::Log as Log>::Record)>,
) -> Result<(), ProjectionError> {
    let Some(&(last, _)) = records.last() else { return Ok(()) };
    AssertUnwindSafe(projection.apply(connection, records)).catch_unwind().await.unwrap_or_else(|_| {
        Err(ProjectionError::Poison { offset: last.0, reason: "the projection panicked: see the log".to_owned() })
    })
}

/// Moves the checkpoint, if it is where it was read and in the same hands; which offsets on the way are to be skipped.
async fn advance(
    connection: &mut PgConnection,
    name: &str,
    view: &str,
    from: Behind,
    to: Offset,
) -> Result<Vec<i64>, ProjectionError> {
    let moved = sqlx::query!(
        r#"UPDATE log.checkpoint SET "offset" = $5, moved_at = clock_timestamp()
           WHERE view = $1 AND partition = $2 AND "offset" = $3 AND epoch = $4"#,
        view,
        from.partition.0,
        from.offset.0,
        from.epoch,
        to.0,
    );
    if moved.execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(ProjectionError::Overtaken);
    }
    if from.stopped {
        let ended = sqlx::query!("DELETE FROM log.stopped WHERE view = $1 AND partition = $2", view, from.partition.0);
        if ended.execute(&mut *connection).await?.rows_affected() != 1 {
            return Err(ProjectionError::Overtaken);
        }
    }
    // A statement of its own: the one above may have waited for the row's lock, and this must see what came meanwhile.
    let skipped = sqlx::query_scalar!(
        r#"SELECT "offset" FROM log.skip WHERE view = $1 AND partition = $2 AND "offset" BETWEEN $3::bigint + 1 AND $4"#,
        name,
        from.partition.0,
        from.offset.0,
        to.0,
    );
    Ok(skipped.fetch_all(connection).await?)
}
