//! The tenant session: a transaction that can read what the caller may read, and nothing else.

use futures_util::future::BoxFuture;
use schema::{SchoolId, TrustId};
use sqlx::{PgConnection, PgPool};

use crate::Scope;

/// Runs `work` in a read-only transaction in which row-level security shows what `scope` may see.
///
/// The settings hold for this transaction alone, so a pooled connection carries nothing over to the next caller.
pub async fn read<T, E>(
    pool: &PgPool,
    scope: Scope,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    database::transact(pool, move |connection| {
        Box::pin(async move {
            set(connection, scope).await?;
            work(connection).await
        })
    })
    .await
}

/// All three settings at once, and read-only, in one round trip: a scope left over from elsewhere cannot add itself.
async fn set(connection: &mut PgConnection, scope: Scope) -> Result<(), sqlx::Error> {
    let trust = |id: TrustId| id.to_string();
    let school = |id: SchoolId| id.to_string();
    let none = String::new;
    let (trust, school, governed) = match scope {
        Scope::Trust(id) => (trust(id), none(), none()),
        Scope::School(id) => (none(), school(id), none()),
        Scope::GovernedSchool(id) => (none(), none(), school(id)),
    };
    sqlx::query!(
        "SELECT set_config('transaction_read_only', 'on', true) AS read_only,
                set_config('wardlog.trust', $1, true) AS trust,
                set_config('wardlog.school', $2, true) AS school,
                set_config('wardlog.governed_school', $3, true) AS governed",
        trust,
        school,
        governed,
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}
