//! Folding a log into a view: the view's rows and how far it has read move in one transaction.

mod fold;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use schema::DecodeError;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Behind, Log, Offset, Partition, Position, Wake, follower::Follower, stop};
pub(crate) use fold::{apply, fold};

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

    /// Where it begins when it is first run.
    const START: Start = Start::Beginning;

    /// Applies records of one partition, in order, in the transaction that will also move the checkpoint.
    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        records: Vec<(Offset, <Self::Log as Log>::Record)>,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send + 'a;
}

/// Where a follower of a log begins when it is first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first record that the log has.
    Beginning,
    /// With the next that it gets.
    Now,
}

/// Why a view did not move.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Another process moved this checkpoint or holds its lease now; what was folded here is rolled back.
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
    /// A record cannot be folded: the partition stops here for this view.
    #[error("offset {offset} cannot be folded: {reason}")]
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

    /// Whether folding failed because of what was folded, so that trying again by itself cannot help: data that the
    /// database refuses (SQLSTATE classes 22 and 23) is the record's fault, a database that is away is not.
    pub fn is_of_a_record(&self) -> bool {
        match self {
            Self::Poison { .. } => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
            }
            Self::Database(_) | Self::Overtaken | Self::Gap { .. } => false,
        }
    }
}

/// Folds as `follower`, an id of this run's own, the partitions that fall to it beside the view's other followers, until
/// `stop`. What fails is tried again, and a partition that fails does not hold up the others.
pub async fn run<P: Projection>(pool: PgPool, projection: Arc<P>, wake: Wake, follower: Uuid, stop: CancellationToken) {
    let folded = CancellationToken::new();
    let folding = async {
        fold_until(&pool, projection.as_ref(), &wake, follower, &stop).await;
        folded.cancel();
    };
    tokio::join!(folding, Follower::<P>::new(follower).tend(&pool, folded.clone()));
}

async fn fold_until<P: Projection>(
    pool: &PgPool,
    projection: &P,
    wake: &Wake,
    follower: Uuid,
    stop: &CancellationToken,
) {
    let mut idle = IDLE.0;
    while !stop.is_cancelled() {
        let woken = wake.woken();
        match fold_all(pool, projection, follower, stop).await {
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

/// Folds everything that the log holds now, whoever else folds it; for a command that must not answer from an old view.
/// Partitions in which an event cannot be folded hold up no other; the first such error is given in the end.
pub async fn catch_up<P: Projection>(pool: &PgPool, projection: &P) -> Result<(), ProjectionError> {
    start::<P>(&mut *pool.acquire().await?).await?;
    let mut stuck = BTreeMap::<Partition, ProjectionError>::new();
    loop {
        let mut behind = P::Log::behind(&mut *pool.acquire().await?, P::NAME, None).await?;
        behind.retain(|from| !stuck.contains_key(&from.partition));
        if behind.is_empty() {
            return stuck.into_values().next().map_or(Ok(()), Err);
        }
        for from in behind {
            match fold_up_to_poison(pool, projection, from).await {
                Ok((_, Some((_, error)))) => drop(stuck.insert(from.partition, error)),
                Ok((_, None)) | Err(ProjectionError::Overtaken) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a view of the domain log has folded the event at `position`.
pub async fn has_reached(connection: &mut PgConnection, view: &str, position: Position) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT log.has_reached($1, $2, $3) AS "has!""#,
        view,
        position.partition.0,
        position.offset.0,
    )
    .fetch_one(connection)
    .await
}

struct Round {
    folded: usize,
    failed: usize,
}

async fn fold_all<P: Projection>(
    pool: &PgPool,
    projection: &P,
    follower: Uuid,
    stop: &CancellationToken,
) -> Result<Round, sqlx::Error> {
    let behind = P::Log::behind(&mut *pool.acquire().await?, P::NAME, Some(follower)).await?;
    let outcomes = stream::iter(behind)
        .take_while(|_| std::future::ready(!stop.is_cancelled()))
        .map(|behind| async move { (behind, fold_or_stop(pool, projection, behind).await) })
        .buffer_unordered(AT_ONCE);
    let round = outcomes.fold(Round { folded: 0, failed: 0 }, |mut round, (behind, outcome)| async move {
        match outcome {
            Ok(count) => round.folded += count,
            Err(ProjectionError::Overtaken) => {}
            Err(error) => {
                tracing::error!(view = P::NAME, partition = %behind.partition, %error, "cannot fold; this partition waits");
                round.failed += 1;
            }
        }
        round
    });
    Ok(round.await)
}

/// Folds what comes next; when a record among it cannot be folded, all up to that one, and the partition stops there.
async fn fold_or_stop<P: Projection>(pool: &PgPool, projection: &P, from: Behind) -> Result<usize, ProjectionError> {
    let (folded, stuck) = fold_up_to_poison(pool, projection, from).await?;
    if let Some((at, error)) = stuck {
        stop::record(pool, P::NAME, at, &stop::reason(&error)).await?;
    }
    Ok(folded)
}

/// Folds what comes next, up to a record that cannot be folded: how many, and before which it is and why.
async fn fold_up_to_poison<P: Projection>(
    pool: &PgPool,
    projection: &P,
    from: Behind,
) -> Result<(usize, Option<(Behind, ProjectionError)>), ProjectionError> {
    match fold(pool, projection, P::NAME, from, P::TAKES).await {
        Err(error) if error.is_of_a_record() => {}
        outcome => return outcome.map(|folded| (folded, None)),
    }
    let (mut next, mut folded) = (from, 0);
    loop {
        match fold(pool, projection, P::NAME, next, 1).await {
            Ok(0) => return Ok((folded, None)),
            Ok(_) => {
                folded += 1;
                next.offset.0 += 1;
                next.stopped = false;
            }
            Err(error) if error.is_of_a_record() => return Ok((folded, Some((next, error)))),
            Err(error) => return Err(error),
        }
    }
}

/// Makes the checkpoints that are not there yet.
pub(crate) async fn start<P: Projection>(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let heads = match P::START {
        Start::Beginning => Vec::new(),
        Start::Now => P::Log::heads(&mut *connection).await?,
    };
    let (partitions, offsets): (Vec<i16>, Vec<i64>) = heads.into_iter().map(|(p, offset)| (p.0, offset.0)).unzip();
    sqlx::query!(
        r#"INSERT INTO log.checkpoint (view, partition, "offset")
           SELECT $1, p, coalesce(h."offset", 0) FROM generate_series(0, $2) p
           LEFT JOIN unnest($3::smallint[], $4::bigint[]) AS h (partition, "offset") ON h.partition = p
           WHERE NOT EXISTS (SELECT FROM log.checkpoint c WHERE c.view = $1) ON CONFLICT DO NOTHING"#,
        P::NAME,
        i32::from(crate::PARTITIONS) - 1,
        &partitions,
        &offsets,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
