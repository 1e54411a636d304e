//! `filtering.opening`: who was shown whose requests, when, in which roles, and what for (R133).

use chrono::{DateTime, Utc};
use eventlog::{At, ProjectionError};
use schema::{
    FlaggedEventId, MatterId, PseudonymId, SchoolId,
    filtering::{FlaggedEventsOpened, NameDisclosed, OpeningEvent, OpeningPurpose},
    people::StaffRole,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{school, word};
use crate::disclosure::Decision;

/// An opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its id.
    pub id: Uuid,
    /// Who opened, as the log knows them.
    pub reader: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The roles that the reader held at the school; none where nobody knows.
    pub roles: Vec<StaffRole>,
    /// What for.
    pub purpose: OpeningPurpose,
    /// Which events.
    pub events: Vec<Uuid>,
    /// Of whom all was disclosed, if so.
    pub disclosed: Option<Disclosed>,
    /// The matter that it was done for.
    pub matter: Option<Uuid>,
}

/// Of whom all was disclosed that they asked for from an instant to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosed {
    /// The name, by its pseudonym.
    pub name: PseudonymId,
    /// From then on,
    pub from: DateTime<Utc>,
    /// and before then.
    pub to: DateTime<Utc>,
}

pub(super) async fn apply(c: &mut PgConnection, at: At<'_>, event: OpeningEvent) -> Result<(), ProjectionError> {
    let (purpose, events, matter, roles, disclosed) = match event {
        OpeningEvent::Opened(FlaggedEventsOpened { events, purpose, matter, roles }) => {
            (purpose, events, matter, roles, None)
        }
        OpeningEvent::Disclosed(NameDisclosed { name, from, to, roles }) => {
            (OpeningPurpose::DataProtection, vec![], None, roles, Some(Disclosed { name, from, to }))
        }
    };
    let roles: Vec<String> = roles.into_iter().map(|role| role.as_str().to_owned()).collect();
    let events: Vec<Uuid> = events.into_iter().map(Uuid::from).collect();
    let written = sqlx::query!(
        "INSERT INTO opening (opening_id, school_id, reader, opened_at, roles, purpose, events, name, from_at, to_at,
                              matter_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        at.id_in_stream("opening-")?,
        school(at)?,
        at.record.actor,
        at.record.recorded_at,
        &roles,
        purpose.as_str(),
        &events,
        disclosed.map(|of| i64::from(of.name)),
        disclosed.map(|of| of.from),
        disclosed.map(|of| of.to),
        matter.map(Uuid::from),
    );
    at.one_row(&written.execute(c).await?)
}

/// Which openings are asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// By this reader alone.
    pub reader: Option<String>,
    /// Of this event alone.
    pub event: Option<FlaggedEventId>,
    /// Those before this opening, which was shown last.
    pub before: Option<Uuid>,
    /// How many at most.
    pub most: i64,
}

/// A school's openings, the latest first; of those done for a matter, those of `known` ones. Row-level security cuts them to the
/// reader's school, and to such matters once more.
pub async fn openings(
    connection: &mut PgConnection,
    school: SchoolId,
    known: &[MatterId],
    wanted: Wanted,
) -> Result<Vec<Opening>, sqlx::Error> {
    let known: Vec<Uuid> = known.iter().copied().map(Uuid::from).collect();
    let rows = sqlx::query!(
        r#"WITH known AS NOT MATERIALIZED (
               SELECT * FROM filtering.opening WHERE school_id = $1 AND (matter_id IS NULL OR matter_id = ANY ($2)))
           SELECT opening_id AS "id!", reader AS "reader!", opened_at AS "opened_at!", roles AS "roles!",
                  purpose AS "purpose!", events AS "events!", name, from_at, to_at, matter_id
           FROM known
           WHERE ($3::text IS NULL OR reader = $3) AND ($4::uuid IS NULL OR events @> ARRAY[$4])
             AND ($5::uuid IS NULL OR (opened_at, opening_id) < (SELECT last.opened_at, last.opening_id FROM known last
                                                                 WHERE last.opening_id = $5))
           ORDER BY opened_at DESC, opening_id DESC LIMIT $6"#,
        Uuid::from(school),
        &known,
        wanted.reader,
        wanted.event.map(Uuid::from),
        wanted.before,
        wanted.most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let disclosed = row.name.zip(row.from_at).zip(row.to_at);
            Ok(Opening {
                id: row.id,
                reader: row.reader,
                at: row.opened_at,
                roles: row.roles.iter().map(|role| word(role)).collect::<Result<_, _>>()?,
                purpose: word(&row.purpose)?,
                events: row.events,
                disclosed: disclosed.map(|((name, from), to)| Disclosed { name: name.into(), from, to }),
                matter: row.matter_id,
            })
        })
        .collect()
}

/// When somebody was shown what of a name, and what for; not what was done for a matter.
pub(crate) async fn shown_of(
    connection: &mut PgConnection,
    school: SchoolId,
    name: PseudonymId,
) -> Result<Vec<Decision>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT opened_at AS "opened_at!", purpose AS "purpose!", roles AS "roles!", name FROM filtering.opening o
           WHERE school_id = $1 AND matter_id IS NULL
             AND (name = $2
                  OR events && ARRAY(SELECT event_id FROM filtering.flagged_event
                                     WHERE school_id = $1 AND coalesce(user_is, device_is, address_is) = $2))
           ORDER BY opened_at"#,
        Uuid::from(school),
        i64::from(name),
    );
    let shown = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let event = if row.name.is_some() { "name-disclosed" } else { "flagged-events-opened" };
        let roles = row.roles.iter().map(|role| word(role)).collect::<Result<_, _>>()?;
        Ok(Decision { at: row.opened_at, event: event.to_owned(), why: Some(row.purpose), roles })
    });
    shown.collect()
}
