//! Recusal: whether somebody may know of a matter (R130).

use eventlog::Owner;
use schema::MatterId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Subject;

/// How many people can be recused from one matter: all of them are looked at to decide whether somebody is.
pub const MOST: usize = 50;

/// A matter's stream, by its name: its owner is the school or trust whose matter it is.
pub fn matter_stream(matter: MatterId) -> String {
    format!("matter-{matter}")
}

/// Whether a school or trust has such a matter, somebody is known who ever logged in by this name, and nobody recused from the
/// matter did. Recusal is asked of the log and not of a view: whoever is recused is so at once, by whichever login, and whatever
/// role is given to them later. Whether anybody is known by the name, a view tells: until it does, nobody is. It tells too who
/// is recused because they were let in by somebody who is, or come back as another record of the same account.
pub async fn may_know(pool: &PgPool, owner: Owner, matter: MatterId, login: Subject) -> Result<bool, sqlx::Error> {
    database::transact(pool, move |connection| {
        Box::pin(async move { may_know_within(connection, owner, matter, login.as_str()).await })
    })
    .await
}

/// The same within a transaction.
pub async fn may_know_within(
    connection: &mut PgConnection,
    owner: Owner,
    matter: MatterId,
    login: &str,
) -> Result<bool, sqlx::Error> {
    let may_know = sqlx::query_scalar!(
        r#"SELECT published.may_know($1, $2, $3) AS "may_know!""#,
        owner.id(),
        Uuid::from(matter),
        login,
    );
    may_know.fetch_one(connection).await
}
