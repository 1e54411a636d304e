//! `directory.recusal`, `known_login`, `known_account` and `substitutes`: whom a matter is kept from (R130), and who takes it
//! instead (R087). They are the view of people's, which folds recusals, logins and roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{At, ProjectionError};
use schema::{
    AccountId, MatterId, PersonId,
    people::{StaffRole, SubstitutesNamed},
};
use sqlx::{PgConnection, postgres::PgQueryResult};
use uuid::Uuid;

use super::{people, unreadable};
use crate::domain::{
    substitution::{Colleagues, Taker},
    workplace::Workplace,
};

/// Recuses a person.
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
    at.one_row(&written.execute(c).await?)
}

/// A login that is a person's from now on is recused as the person is, and stays so.
pub(super) async fn link(c: &mut PgConnection, at: At<'_>, person: Uuid, login: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO known_login (person_id, login, linked_by, linked_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person_id, login, linked_at) DO UPDATE SET unlinked_at = NULL",
        person,
        login,
        at.record.actor,
        at.record.recorded_at,
    )
    .execute(c)
    .await
    .map(drop)
}

/// From now on it may be another's.
pub(super) async fn unlink(c: &mut PgConnection, at: At<'_>, person: Uuid, login: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE known_login SET unlinked_at = $3 WHERE person_id = $1 AND login = $2 AND unlinked_at IS NULL",
        person,
        login,
        at.record.recorded_at,
    )
    .execute(c)
    .await
    .map(drop)
}

/// A record that an account has is recused as its other ones are.
pub(super) async fn account(c: &mut PgConnection, person: Uuid, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO known_account (person_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        person,
        Uuid::from(account),
    )
    .execute(c)
    .await
    .map(drop)
}

/// Who stands in for a role from now on.
pub(super) async fn substitutes(
    c: &mut PgConnection,
    at: At<'_>,
    named: SubstitutesNamed,
) -> Result<PgQueryResult, sqlx::Error> {
    let (school, trust) = at.owner();
    let people: Vec<Uuid> = named.people.into_iter().map(Uuid::from).collect();
    sqlx::query!(
        "INSERT INTO substitutes (owner_id, school_id, trust_id, role, people) VALUES (coalesce($1::uuid, $2), $1, $2, $3, $4)
         ON CONFLICT (owner_id, role) DO UPDATE SET people = excluded.people",
        school,
        trust,
        named.role.as_str(),
        &people,
    )
    .execute(c)
    .await
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
    /// Who takes it instead, in each role that the person holds at the place.
    pub takers: Vec<Taker>,
}

/// The latest recusals at a place, the latest first, of the matters that are `known` to whoever asks; with who takes them on a
/// London day.
pub async fn of(
    connection: &mut PgConnection,
    at: Workplace,
    known: &[MatterId],
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<Recusal>, sqlx::Error> {
    let colleagues = colleagues(&mut *connection, at, today).await?;
    let rows = sqlx::query!(
        r#"SELECT matter_id AS "matter!", person_id AS "person!", recused_at AS "at!", recuser AS "recuser!"
           FROM published.recusal_v1 WHERE owner_id = $1 AND matter_id = ANY ($2)
           ORDER BY recused_at DESC, person_id LIMIT $3"#,
        at.owner().id(),
        &ids(known),
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let kept_from = kept_from(&mut *connection).await?;
    // One snapshot: of each of them somebody is kept.
    let recusals = rows.into_iter().filter_map(|row| {
        let takers = colleagues.takers(row.person.into(), kept_from.get(&row.matter)?, today);
        Some(Recusal { matter: row.matter, person: row.person, at: row.at, recuser: row.recuser, takers })
    });
    Ok(recusals.collect())
}

pub(super) fn ids(matters: &[MatterId]) -> Vec<Uuid> {
    matters.iter().copied().map(Uuid::from).collect()
}

/// All who may not know of the matters that the transaction may.
async fn kept_from(c: &mut PgConnection) -> Result<HashMap<Uuid, BTreeSet<PersonId>>, sqlx::Error> {
    let rows = sqlx::query!(r#"SELECT matter_id AS "matter!", person_id AS "person!" FROM published.kept_from()"#);
    let mut kept_from: HashMap<Uuid, BTreeSet<PersonId>> = HashMap::new();
    for row in rows.fetch_all(c).await? {
        kept_from.entry(row.matter).or_default().insert(row.person.into());
    }
    Ok(kept_from)
}

async fn colleagues(c: &mut PgConnection, at: Workplace, today: NaiveDate) -> Result<Colleagues, sqlx::Error> {
    let held = people::roles(&mut *c, at).await?.into_iter();
    let held = held.filter(|role| role.from <= today && role.to.is_none_or(|to| today < to));
    let left = sqlx::query!(
        r#"SELECT person_id AS "person!", left_on AS "on!" FROM published.person_v1
           WHERE (school_id = $1 OR trust_id = $1) AND left_on IS NOT NULL"#,
        at.owner().id(),
    );
    let left = left.fetch_all(&mut *c).await?.into_iter();
    Ok(Colleagues {
        holders: held.map(|role| (role.role, role.person)).collect(),
        substitutes: standing_in(c, at).await?,
        leaving: left.map(|row| (row.person.into(), row.on)).collect(),
    })
}

/// Who stands in for which role, in their order.
pub async fn standing_in(
    c: &mut PgConnection,
    at: Workplace,
) -> Result<BTreeMap<StaffRole, Vec<PersonId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT role AS "role!", people AS "people!" FROM published.substitutes_v1 WHERE school_id = $1 OR trust_id = $1"#,
        at.owner().id(),
    );
    let rows = rows.fetch_all(c).await?.into_iter().filter(|row| !row.people.is_empty());
    let named = rows
        .map(|row| Ok((row.role.parse().map_err(unreadable)?, row.people.into_iter().map(PersonId::from).collect())));
    named.collect()
}
