//! The tenant session: a transaction that can read what the caller may read, and nothing else.

use futures_util::future::BoxFuture;
use schema::{MatterId, people::LoginName};
use sqlx::{PgConnection, PgPool};

use crate::{Scope, Scopes};

/// By whom readers read: by a login that can be told whatever a school's own staff may see, or by one that can be told no exact
/// figure, no flagged event and nobody of a school's people.
#[derive(Debug, Clone)]
pub struct Readers {
    staff: PgPool,
    reviewers: PgPool,
}

impl Readers {
    /// Over a pool of the role `Gateway` and one of the role `Reviewers`.
    pub const fn new(staff: PgPool, reviewers: PgPool) -> Self {
        Self { staff, reviewers }
    }

    /// What is no caller's, such as how far the views have come.
    pub const fn own(&self) -> &PgPool {
        &self.staff
    }

    /// By whom whoever may see all this reads: as reviewers, where that is enough.
    pub fn of(&self, scopes: &Scopes) -> &PgPool {
        let sees_more = |scope| match scope {
            Scope::Trust(_) | Scope::ReviewedSchool(_) => false,
            Scope::School(_) | Scope::Filters(_) | Scope::People(_) => true,
        };
        if scopes.iter().any(sees_more) { &self.staff } else { &self.reviewers }
    }
}

/// Runs `work` in a read-only transaction in which row-level security shows what `scopes` may see, and nothing of what was done
/// for a matter.
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
        ("wardlog.matters", String::new()),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    database::read_with(pool, &settings, work).await
}

/// The same, and what was done for the matters that whoever has this login may know of (R130): `work` is told which, to leave
/// out the others itself. They are asked for whether or not there are any, so that it takes as long.
pub async fn read_of_matters<T, E>(
    pool: &PgPool,
    scopes: impl Into<Scopes>,
    asker: LoginName,
    work: impl for<'c> FnOnce(&'c mut PgConnection, Vec<MatterId>) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    read(pool, scopes, |connection| {
        Box::pin(async move {
            let known = known_matters(&mut *connection, &asker).await?;
            work(connection, known).await
        })
    })
    .await
}

/// The matters of the places that the transaction was told, from which the asker is not recused; it is told them too.
async fn known_matters(connection: &mut PgConnection, asker: &LoginName) -> Result<Vec<MatterId>, sqlx::Error> {
    let known = sqlx::query!(
        r#"SELECT k.matters AS "matters!", set_config('wardlog.matters', array_to_string(k.matters, ','), true)
           FROM published.known_matters($1) k (matters)"#,
        asker.as_str(),
    );
    Ok(known.fetch_one(connection).await?.matters.into_iter().map(MatterId::from).collect())
}
