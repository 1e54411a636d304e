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
    let (mut trusts, mut schools, mut reviewed, mut filters, mut people) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for scope in scopes.into().iter() {
        match scope {
            Scope::Trust(id) => trusts.push(id.to_string()),
            Scope::School(id) => schools.push(id.to_string()),
            Scope::ReviewedSchool(id) => reviewed.push(id.to_string()),
            Scope::Filters(id) => filters.push(id.to_string()),
            Scope::People(at) => people.push(at.id().to_string()),
        }
    }
    // All of them: what was left over from elsewhere cannot add itself.
    let settings = [
        ("wardlog.trusts", trusts.join(",")),
        ("wardlog.schools", schools.join(",")),
        ("wardlog.reviewed_schools", reviewed.join(",")),
        ("wardlog.filters", filters.join(",")),
        ("wardlog.people", people.join(",")),
        ("wardlog.asker", asker.map_or_else(String::new, String::from)),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    database::read_with(pool, &settings, work).await
}
