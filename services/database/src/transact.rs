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
    let task = tokio::spawn(async move {
        let mut transaction = pool.begin().await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    });
    match task.await {
        Ok(outcome) => outcome,
        Err(died) => match died.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(E::from(sqlx::Error::WorkerCrashed)),
        },
    }
}
