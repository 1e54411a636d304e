//! Filling a view again from the beginning of its log, beside the one that is shown, and showing it instead.

mod compare;

use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::{
    Behind, Log, Offset, Partition, Projection, ProjectionError,
    follower::LOCK_NOT_AVAILABLE,
    project::{fold, start},
};
pub use compare::Difference;

/// How many partitions are filled at once.
const AT_ONCE: u32 = 4;

/// The class of the advisory locks under which views are rebuilt.
pub(crate) const REBUILDING: i32 = 1_465_009_996;

/// How often readers that hold on to the shown view are waited for, two seconds each, before giving up.
const TRIES: usize = 15;

/// Why a view was not rebuilt. What was shown before is shown still.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// One at a time.
    #[error("{view} is being rebuilt already, by another process")]
    Underway {
        /// The view.
        view: &'static str,
    },
    /// It cannot be compared with what is shown, which does not come as far.
    #[error(
        "{view} as shown stays behind in partition {partition}: run a process that folds it, or see `wardlog doctor` why it waits"
    )]
    ShownIsBehind {
        /// The view.
        view: &'static str,
        /// A partition in which it is behind.
        partition: Partition,
    },
    /// There is nothing to go back to.
    #[error("{view} has no earlier generation: it has not been rebuilt, or that one has been dropped since")]
    NothingKept {
        /// The view.
        view: &'static str,
    },
    /// A record could not be folded, or the database could not be reached.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Projection(error.into())
    }
}

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Records folded.
    pub records: i64,
    /// Records in the log.
    pub of: i64,
}

/// A view that is being filled beside the one that is shown. Reactors do not follow it, so nothing is done twice.
pub struct Rebuild<'a, P> {
    projection: &'a P,
    generation: i32,
    /// What its checkpoints are kept under, `<view>@<generation>`.
    name: String,
    /// Folds into the new generation.
    pool: PgPool,
    /// Reads the shown one.
    shown: PgPool,
    /// May make and show tables.
    owner: PgConnection,
}

impl<'a, P: Projection> Rebuild<'a, P> {
    /// Makes the next generation of the view's tables, empty. `database` is the login that migrates. A generation that
    /// an earlier rebuild kept or left behind is dropped.
    pub async fn begin(database: &PgConnectOptions, projection: &'a P) -> Result<Self, RebuildError> {
        let mut owner = exclusive::<P>(database).await?;
        // What is shown may never have been folded; it has checkpoints to be taken over all the same.
        let shown = database::connect(database, database::Role::Projections, 1).await?;
        start::<P>(&mut *shown.acquire().await?).await?;
        let others = sqlx::query_scalar!(
            "SELECT generation FROM log.generation WHERE view = $1 AND state IN ('building', 'kept')",
            P::NAME
        )
        .fetch_all(&mut owner)
        .await?;
        let mut transaction = owner.begin().await?;
        for other in others {
            sqlx::query!("SELECT log.drop_generation($1, $2)", P::NAME, other).fetch_one(&mut *transaction).await?;
        }
        let generation = sqlx::query_scalar!(r#"SELECT log.make_generation($1) AS "made!""#, P::NAME)
            .fetch_one(&mut *transaction)
            .await?;
        let name = format!("{}@{generation}", P::NAME);
        sqlx::query!(
            r#"INSERT INTO log.checkpoint (view, partition, "offset") SELECT $1, p, 0 FROM generate_series(0, $2) p"#,
            name,
            i32::from(crate::PARTITIONS) - 1,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let schema = schema_of(&mut owner, P::NAME, generation).await?;
        let pool = database::connect_to_generation(database, &schema, AT_ONCE + 1).await?;
        Ok(Self { projection, generation, name, pool, shown, owner })
    }

    /// Folds until it has caught up with the log, but for what came during its last round: were it to wait until nothing
    /// comes, a log that is written to all the time would never let it end.
    pub async fn fill(&self, mut progress: impl FnMut(Filled)) -> Result<(), RebuildError> {
        loop {
            let mut connection = self.pool.acquire().await?;
            let of = P::Log::heads(&mut connection).await?.iter().map(|(_, head)| head.0).sum();
            let records = checkpoints(&mut connection, &self.name).await?.iter().map(|behind| behind.offset.0).sum();
            let behind = P::Log::behind(&mut connection, &self.name, None).await?;
            drop(connection);
            progress(Filled { records, of });
            if behind.is_empty() {
                return Ok(());
            }
            let mut round = 0;
            let folds = behind.into_iter().map(|from| fold(&self.pool, self.projection, &self.name, from, P::TAKES));
            let mut folds = stream::iter(folds).buffer_unordered(AT_ONCE as usize);
            while let Some(folded) = folds.try_next().await? {
                round += i64::try_from(folded).unwrap_or(i64::MAX);
                progress(Filled { records: records + round, of });
            }
            // So few that no partition had more than it was asked for.
            if round < P::TAKES {
                return Ok(());
            }
        }
    }

    /// Shows it instead of what is shown now, which is kept for [`go_back`]. Whoever folds the view goes on with it.
    pub async fn take_over(mut self) -> Result<(), RebuildError> {
        let mut tries = 1;
        loop {
            self.fill(|_| {}).await?;
            match self.show().await {
                Err(RebuildError::Projection(ProjectionError::Database(sqlx::Error::Database(error))))
                    if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) && tries < TRIES =>
                {
                    tries += 1;
                }
                outcome => {
                    release(self.owner).await?;
                    return outcome;
                }
            }
        }
    }

    /// Drops it: what is shown stays.
    pub async fn abandon(mut self) -> Result<(), RebuildError> {
        self.pool.close().await;
        let mut transaction = self.owner.begin().await?;
        sqlx::query!("SELECT log.drop_generation($1, $2)", P::NAME, self.generation)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(release(self.owner).await?)
    }

    async fn show(&mut self) -> Result<(), RebuildError> {
        let mut transaction = self.owner.begin().await?;
        // From here to the commit nobody folds the shown view, so what it has folded can be reached.
        let at = sqlx::query!(
            r#"SELECT partition, "offset", epoch FROM log.checkpoint WHERE view = $1 ORDER BY partition FOR UPDATE"#,
            P::NAME,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let at: Vec<Behind> =
            at.into_iter().map(|row| Behind::of_row(row.partition, row.offset, row.epoch, false)).collect();
        let reached = checkpoints(&mut *self.pool.acquire().await?, &self.name).await?;
        fold_up_to(&self.pool, self.projection, &self.name, &reached, &at).await?;
        sqlx::query!("SELECT log.show_generation($1, $2, false)", P::NAME, self.generation)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Shows what was shown before the last rebuild; it goes on from where it was. The rebuilt one is kept in turn.
pub async fn go_back<P: Projection>(database: &PgConnectOptions) -> Result<(), RebuildError> {
    let mut owner = exclusive::<P>(database).await?;
    let outcome = show_kept::<P>(&mut owner).await;
    release(owner).await?;
    outcome
}

async fn show_kept<P: Projection>(owner: &mut PgConnection) -> Result<(), RebuildError> {
    let kept = sqlx::query_scalar!(
        r#"SELECT max(generation) FROM log.generation WHERE view = $1 AND state = 'kept'"#,
        P::NAME
    );
    let kept = kept.fetch_one(&mut *owner).await?.ok_or(RebuildError::NothingKept { view: P::NAME })?;
    let mut transaction = owner.begin().await?;
    sqlx::query!("SELECT log.show_generation($1, $2, true)", P::NAME, kept).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// A connection of the migrating login that alone may rebuild the view, until it is closed.
async fn exclusive<P: Projection>(database: &PgConnectOptions) -> Result<PgConnection, RebuildError> {
    let mut owner = PgConnection::connect_with(database).await?;
    let locked =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1, hashtext($2)) AS "locked!""#, REBUILDING, P::NAME);
    if locked.fetch_one(&mut owner).await? { Ok(owner) } else { Err(RebuildError::Underway { view: P::NAME }) }
}

/// Lets another rebuild begin. A connection that is only dropped holds its lock for as long as PostgreSQL takes to notice.
async fn release(mut owner: PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_unlock_all()").fetch_one(&mut owner).await?;
    owner.close().await
}

async fn schema_of(connection: &mut PgConnection, view: &str, generation: i32) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT log.generation_schema($1, $2) AS "schema!""#, view, generation)
        .fetch_one(connection)
        .await
}

async fn checkpoints(connection: &mut PgConnection, view: &str) -> Result<Vec<Behind>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT partition, "offset", epoch FROM log.checkpoint WHERE view = $1 ORDER BY partition"#,
        view
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| Behind::of_row(row.partition, row.offset, row.epoch, false)).collect())
}

/// Folds each partition of `view` from where it is up to `at`; one that is there or beyond it stays.
async fn fold_up_to<P: Projection>(
    pool: &PgPool,
    projection: &P,
    view: &str,
    reached: &[Behind],
    at: &[Behind],
) -> Result<(), ProjectionError> {
    for (from, to) in pairs(reached, at) {
        let mut from = *from;
        while from.offset < to {
            let folded = fold(pool, projection, view, from, P::TAKES.min(to.0 - from.offset.0)).await?;
            if folded == 0 {
                // The shown checkpoint is beyond the log's end: `wardlog doctor` says so too.
                return Err(ProjectionError::Gap { expected: from.offset.0 + 1, found: to.0 });
            }
            from.offset.0 += i64::try_from(folded).unwrap_or(i64::MAX);
        }
    }
    Ok(())
}

/// Where each partition is, and where it is at.
fn pairs<'a>(reached: &'a [Behind], at: &'a [Behind]) -> impl Iterator<Item = (&'a Behind, Offset)> {
    reached.iter().filter_map(|from| Some((from, at.iter().find(|to| to.partition == from.partition)?.offset)))
}
