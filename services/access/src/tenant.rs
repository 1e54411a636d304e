//! The tenant session: a transaction that can read what the caller may read, and nothing else.

use futures_util::future::BoxFuture;
use schema::people::LoginName;
use sqlx::{PgConnection, PgPool};

use crate::{Scope, Scopes};

/// Runs `work` in a read-only transaction in which row-level security shows what `scopes` may see, and what was done for a
/// matter to those alone who are told by a login that is not recused from it.
///
/// The settings hold for this transaction alone, so a pooled connection carries nothing over to the next caller.
pub async fn read<T, E>(
    pool: &PgPool,
    scopes: impl Into<Scopes>,
    asker: Option<LoginName>,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let scopes = scopes.into();
    database::transact(pool, move |connection| {
        Box::pin(async move {
            set(connection, &scopes, asker.as_ref()).await?;
            work(connection).await
        })
    })
    .await
}

/// All the settings at once, and read-only, in one round trip: a scope left over from elsewhere cannot add itself.
async fn set(connection: &mut PgConnection, scopes: &Scopes, asker: Option<&LoginName>) -> Result<(), sqlx::Error> {
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
                set_config('wardlog.people', $5, true) AS people,
                set_config('wardlog.asker', $6, true) AS asker",
        trusts.join(","),
        schools.join(","),
        reviewed.join(","),
        filters.join(","),
        people.join(","),
        asker.map_or("", LoginName::as_str),
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}
