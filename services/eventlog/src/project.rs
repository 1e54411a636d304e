//! Folding a log into a view: the view's rows and how far it has read move in one transaction.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use schema::DecodeError;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{Log, Offset, PARTITIONS, Partition, Wake};

/// How long an idle projection waits before it asks again: at first, and at most.
const IDLE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// How many partitions one projection folds at once.
const AT_ONCE: usize = 2;

/// A view of a log.
pub trait Projection: Send + Sync + 'static {
    /// The log that it follows.
    type Log: Log;

    /// The view's name, under which its checkpoints are kept.
    const NAME: &'static str;

    /// How many records it takes at once.
    const TAKES: i64;

    /// Applies records of one partition, in order, in the transaction that will also move the checkpoint.
    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        records: Vec<(Offset, <Self::Log as Log>::Record)>,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send + 'a;
}

/// Why a view did not move.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Another process moved this checkpoint; what was folded here is rolled back.
    #[error("another process has folded this partition meanwhile")]
    Overtaken,
    /// The log broke its promise of dense offsets.
    #[error("expected offset {expected}, found {found}")]
    Gap {
        /// The offset that should come next.
        expected: i64,
        /// The one that did.
        found: i64,
    },
    /// A record cannot be read: the partition stops here for this view.
    #[error("offset {offset} cannot be read: {reason}")]
    Poison {
        /// Where it is.
        offset: i64,
        /// Why, without its content.
        reason: String,
    },
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl ProjectionError {
    /// A record at `offset` whose event does not decode.
    pub fn undecodable(offset: Offset, source: &DecodeError) -> Self {
        Self::Poison { offset: offset.0, reason: source.to_string() }
    }
}

/// Folds until `stop`; what fails is logged and tried again, and a partition that fails does not hold up the others.
pub async fn run<P: Projection>(pool: PgPool, projection: Arc<P>, wake: Wake, stop: CancellationToken) {
    let mut idle = IDLE.0;
    while !stop.is_cancelled() {
        let woken = wake.woken();
        let round = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            round = fold_all(&pool, projection.as_ref(), &stop) => round,
        };
        match round {
            Ok(Round { folded: 1.., failed: 0 }) => idle = IDLE.0,
            Ok(Round { failed: 0, .. }) => idle = (idle * 2).min(IDLE.1),
            Ok(_) => idle = IDLE.1,
            Err(error) => {
                tracing::error!(view = P::NAME, %error, "cannot ask the log for news");
                idle = IDLE.1;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => idle = IDLE.0,
            () = tokio::time::sleep(idle) => {}
        }
    }
}

/// Folds everything that the log holds now; for a command that must not answer from an old view.
pub async fn catch_up<P: Projection>(pool: &PgPool, projection: &P) -> Result<(), ProjectionError> {
    start_checkpoints::<P>(&mut *pool.acquire().await?).await?;
    loop {
        let behind = P::Log::behind(&mut *pool.acquire().await?, P::NAME).await?;
        if behind.is_empty() {
            return Ok(());
        }
        for (partition, after) in behind {
            match fold_some(pool, projection, partition, after).await {
                Ok(_) | Err(ProjectionError::Overtaken) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Round {
    folded: usize,
    failed: usize,
}

async fn fold_all<P: Projection>(
    pool: &PgPool,
    projection: &P,
    stop: &CancellationToken,
) -> Result<Round, sqlx::Error> {
    let behind = {
        let mut connection = pool.acquire().await?;
        start_checkpoints::<P>(&mut connection).await?;
        P::Log::behind(&mut connection, P::NAME).await?
    };
    let outcomes = stream::iter(behind)
        .take_while(|_| std::future::ready(!stop.is_cancelled()))
        .map(|(partition, after)| async move { (partition, fold_some(pool, projection, partition, after).await) })
        .buffer_unordered(AT_ONCE);
    let round = outcomes.fold(Round { folded: 0, failed: 0 }, |mut round, (partition, outcome)| async move {
        match outcome {
            Ok(count) => round.folded += count,
            Err(ProjectionError::Overtaken) => {}
            Err(error) => {
                tracing::error!(view = P::NAME, %partition, %error, "cannot fold; this partition waits");
                round.failed += 1;
            }
        }
        round
    });
    Ok(round.await)
}

/// One transaction: read, move the checkpoint from where it was read, apply. Returns how many records were folded.
async fn fold_some<P: Projection>(
    pool: &PgPool,
    projection: &P,
    partition: Partition,
    after: Offset,
) -> Result<usize, ProjectionError> {
    let mut transaction = pool.begin().await?;
    let records = P::Log::read(&mut transaction, partition, after, P::TAKES).await?;
    let Some(&(last, _)) = records.last() else { return Ok(0) };
    for (expected, (found, _)) in (after.0 + 1..).zip(&records) {
        if found.0 != expected {
            return Err(ProjectionError::Gap { expected, found: found.0 });
        }
    }
    // The checkpoint moves first: a second process that folds the same partition waits here for its lock, and then finds
    // itself overtaken before it has touched the view.
    let moved = sqlx::query!(
        r#"UPDATE log.checkpoint SET "offset" = $4, moved_at = clock_timestamp()
           WHERE view = $1 AND partition = $2 AND "offset" = $3"#,
        P::NAME,
        partition.0,
        after.0,
        last.0,
    )
    .execute(&mut *transaction)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(ProjectionError::Overtaken);
    }
    let count = records.len();
    projection.apply(&mut transaction, records).await?;
    transaction.commit().await?;
    Ok(count)
}

async fn start_checkpoints<P: Projection>(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO log.checkpoint (view, partition, "offset")
           SELECT $1, p, 0 FROM generate_series(0, $2) p
           WHERE NOT EXISTS (SELECT FROM log.checkpoint c WHERE c.view = $1) ON CONFLICT DO NOTHING"#,
        P::NAME,
        i32::from(PARTITIONS) - 1,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
