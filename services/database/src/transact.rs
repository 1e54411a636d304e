//! Transactions that a dropped request cannot cut in half.

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, SqlSafeStr, SqlStr};

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
    committed(pool, "BEGIN".into_sql_str(), work).await
}

/// The same in a read-only transaction in which these settings hold, and in no later one of the connection. They go with BEGIN,
/// so they cost no round trip of their own. All of it reads one snapshot: what is told of whoever asks, and what they are shown.
pub async fn read_with<T, E>(
    pool: &PgPool,
    settings: &[(&'static str, &str)],
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let settings = settings.iter().map(|(name, value)| format!("set_config('{name}', {}, true)", literal(value)));
    // After a query, as this is one, nobody can make the transaction a writing one.
    let begin =
        format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT {}", settings.collect::<Vec<_>>().join(", "));
    committed(pool, AssertSqlSafe(begin).into_sql_str(), work).await
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

async fn committed<T, E>(
    pool: &PgPool,
    begin: SqlStr,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let pool = pool.clone();
    to_its_end(async move {
        let mut transaction = pool.begin_with(begin).await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    })
    .await
}

/// A text as SQL writes it, whatever it says: after `E` a backslash is one, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_does_not_end_before_its_end() {
        assert_eq!(literal(r"a'; DROP TABLE b; --\'"), r"E'a''; DROP TABLE b; --\\'''");
    }
}
