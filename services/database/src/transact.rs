//! Transactions that a dropped request cannot cut in half.

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};

/// Runs `work` between BEGIN and COMMIT on a task of its own; an error of `work` rolls back.
///
/// When the caller goes away (a client disconnects), the task still runs to its end, so a connection never returns to
/// the pool inside a transaction, and a commit is never left half sent.
pub async fn transact<T, E>(
    pool: &PgPool,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let pool = pool.clone();
    to_its_end(async move {
        let mut transaction = pool.begin().await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    })
    .await
}

/// The same between BEGIN and ROLLBACK: of what `work` does nothing remains but its answer.
pub async fn rehearse<T, E>(
    pool: &PgPool,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let pool = pool.clone();
    to_its_end(async move {
        let mut transaction = pool.begin().await?;
        let outcome = work(&mut transaction).await;
        transaction.rollback().await?;
        outcome
    })
    .await
}

async fn to_its_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let task = tokio::spawn(work);
    match task.await {
        Ok(outcome) => outcome,
        Err(died) => match died.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(E::from(sqlx::Error::WorkerCrashed)),
        },
    }
}
