//! `directory.identity_reading`: who read who people are, when, in which roles, and what for (R133). It is the view of people's.

use chrono::{DateTime, Utc};
use eventlog::{At, ProjectionError};
use schema::{
    MatterId, PersonId,
    people::{IdentitiesRead, ReadingPurpose, StaffRole},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{recusals::ids, unreadable};
use crate::domain::workplace::Workplace;

pub(super) async fn apply(c: &mut PgConnection, at: At<'_>, read: IdentitiesRead) -> Result<(), ProjectionError> {
    let (school, trust) = at.owner();
    let people: Vec<Uuid> = read.people.into_iter().map(Uuid::from).collect();
    let roles: Vec<String> = read.roles.into_iter().map(|role| role.as_str().to_owned()).collect();
    let written = sqlx::query!(
        "INSERT INTO identity_reading (reading_id, school_id, trust_id, reader, read_at, roles, purpose, people, matter_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        at.id_in_stream("reading-")?,
        school,
        trust,
        at.record.actor,
        at.record.recorded_at,
        &roles,
        read.purpose.as_str(),
        &people,
        read.matter.map(Uuid::from),
    );
    at.one_row(&written.execute(c).await?)
}

/// A reading of who people are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its id.
    pub id: Uuid,
    /// Who read, by a name of our own.
    pub reader: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The roles that the reader held there; none if it was no person, and where nobody knows.
    pub roles: Vec<StaffRole>,
    /// What for.
    pub purpose: ReadingPurpose,
    /// Whose identity.
    pub people: Vec<Uuid>,
    /// The matter that it was done for.
    pub matter: Option<Uuid>,
}

/// Which readings are asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// By this reader alone.
    pub reader: Option<String>,
    /// Of this person alone.
    pub person: Option<PersonId>,
    /// Those before this reading, which was shown last.
    pub before: Option<Uuid>,
    /// How many at most.
    pub most: i64,
}

/// The readings of who its people are, the latest first; of those done for a matter, those of `known` ones.
pub async fn of(
    connection: &mut PgConnection,
    at: Workplace,
    known: &[MatterId],
    wanted: Wanted,
) -> Result<Vec<Reading>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH known AS NOT MATERIALIZED (
               SELECT * FROM published.identity_reading_v1
               WHERE owner_id = $1 AND (matter_id IS NULL OR matter_id = ANY ($2)))
           SELECT reading_id AS "id!", reader AS "reader!", read_at AS "at!", roles AS "roles!", purpose AS "purpose!",
                  people AS "people!", matter_id
           FROM known
           WHERE ($3::text IS NULL OR reader = $3) AND ($4::uuid IS NULL OR people @> ARRAY[$4])
             AND ($5::uuid IS NULL OR (read_at, reading_id) < (SELECT last.read_at, last.reading_id FROM known last
                                                               WHERE last.reading_id = $5))
           ORDER BY read_at DESC, reading_id DESC LIMIT $6"#,
        at.owner().id(),
        &ids(known),
        wanted.reader,
        wanted.person.map(Uuid::from),
        wanted.before,
        wanted.most,
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        Ok(Reading {
            id: row.id,
            reader: row.reader,
            at: row.at,
            roles: row.roles.iter().map(|role| role.parse().map_err(unreadable)).collect::<Result<_, _>>()?,
            purpose: row.purpose.parse().map_err(unreadable)?,
            people: row.people,
            matter: row.matter_id,
        })
    });
    rows.collect()
}
