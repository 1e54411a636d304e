//! The tenant session: a transaction that can read what the caller may read, and nothing else.

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};

use crate::{Scope, Scopes};

/// Runs `work` in a read-only transaction in which row-level security shows what `scopes` may see.
///
/// The settings hold for this transaction alone, so a pooled connection carries nothing over to the next caller.
pub async fn read<T, E>(
    pool: &PgPool,
    scopes: impl Into<Scopes>,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let scopes = scopes.into();
    database::transact(pool, move |connection| {
        Box::pin(async move {
            set(connection, &scopes).await?;
            work(connection).await
        })
    })
    .await
}

/// All the settings at once, and read-only, in one round trip: a scope left over from elsewhere cannot add itself.
async fn set(connection: &mut PgConnection, scopes: &Scopes) -> Result<(), sqlx::Error> {
    let (mut trusts, mut schools, mut reviewed, mut filters, mut people) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for scope in scopes.iter() {
        match scope {
            Scope::Trust(id) => trusts.push(id.to_string()),
            Scope::School(id) => schools.push(id.to_string()),
            Scope::ReviewedSchool(id) => reviewed.push(id.to_string()),
            Scope::Filters(id) => filters.push(id.to_string()),
            Scope::People(at) => people.push(at.id().to_string()),
        }
    }
    sqlx::query!(
        "SELECT set_config('transaction_read_only', 'on', true) AS read_only,
                set_config('wardlog.trusts', $1, true) AS trusts,
                set_config('wardlog.schools', $2, true) AS schools,
                set_config('wardlog.reviewed_schools', $3, true) AS reviewed,
                set_config('wardlog.filters', $4, true) AS filters,
                set_config('wardlog.people', $5, true) AS people",
        trusts.join(","),
        schools.join(","),
        reviewed.join(","),
        filters.join(","),
        people.join(","),
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}
