//! `directory.recusal` and `recused_login`: whom a matter is kept from (R130). They are the view of people's, which folds both
//! recusals and logins.

use chrono::{DateTime, Utc};
use eventlog::{At, ProjectionError};
use schema::people::LoginName;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::workplace::Workplace;

/// Recuses a person, by every login that is theirs now.
pub(super) async fn apply(c: &mut PgConnection, at: At<'_>, person: Uuid) -> Result<(), ProjectionError> {
    let (school, trust) = at.owner();
    let matter = at.id_in_stream("matter-")?;
    let written = sqlx::query!(
        "INSERT INTO recusal (matter_id, person_id, school_id, trust_id, recused_at, recuser)
         VALUES ($1, $2, $3, $4, $5, $6)",
        matter,
        person,
        school,
        trust,
        at.record.recorded_at,
        at.record.actor,
    );
    at.one_row(&written.execute(&mut *c).await?)?;
    sqlx::query!(
        "INSERT INTO recused_login (matter_id, login) SELECT $1, login FROM person_login WHERE person_id = $2
         ON CONFLICT DO NOTHING",
        matter,
        person,
    )
    .execute(c)
    .await?;
    Ok(())
}

/// A login that is a person's from now on is recused as the person is.
pub(super) async fn login(c: &mut PgConnection, person: Uuid, login: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO recused_login (matter_id, login) SELECT matter_id, $2 FROM recusal WHERE person_id = $1
         ON CONFLICT DO NOTHING",
        person,
        login,
    )
    .execute(c)
    .await
    .map(drop)
}

/// That somebody is recused from a matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recusal {
    /// The matter.
    pub matter: Uuid,
    /// The person.
    pub person: Uuid,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Who said so, by a name of our own.
    pub recuser: String,
}

/// The latest recusals at a place, the latest first, of the matters that `asker` is not recused from.
pub async fn of(
    connection: &mut PgConnection,
    at: Workplace,
    asker: &LoginName,
    limit: i64,
) -> Result<Vec<Recusal>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT matter_id AS "matter!", person_id AS "person!", recused_at AS "at!", recuser AS "recuser!"
           FROM published.recusal_v1 v WHERE (school_id = $1 OR trust_id = $1)
             AND NOT EXISTS (SELECT FROM published.recused_login_v1 r WHERE r.matter_id = v.matter_id AND r.login = $2)
           ORDER BY recused_at DESC, person_id LIMIT $3"#,
        at.owner().id(),
        asker.as_str(),
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| Recusal { matter: row.matter, person: row.person, at: row.at, recuser: row.recuser }).collect())
}
