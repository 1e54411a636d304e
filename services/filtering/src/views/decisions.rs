//! `filtering.opening`: who was shown whose requests, when, and what for (R133). `filtering.forgetting`: the names that are
//! to be forgotten, or are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventlog::{At, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::{
    SchoolId,
    filtering::{FlaggedEventsOpened, OpeningEvent, OpeningPurpose, PseudonymEvent},
    people::{ForgettingGround, LoginName},
};
use sqlx::PgConnection;
use uuid::Uuid;

/// Folds what is decided about filter events; other events pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decisions;

impl Projection for Decisions {
    type Log = DomainLog;
    const NAME: &'static str = "filtering.decisions";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let at = At { offset, record: &record };
            if let Some(OpeningEvent::Opened(opened)) = at.event()? {
                open(connection, at, opened).await?;
            } else if let Some(event) = at.event::<PseudonymEvent>()? {
                forget(connection, at, event).await?;
            }
        }
        Ok(())
    }
}

async fn open(c: &mut PgConnection, at: At<'_>, opened: FlaggedEventsOpened) -> Result<(), ProjectionError> {
    let events: Vec<Uuid> = opened.events.into_iter().map(Uuid::from).collect();
    let written = sqlx::query!(
        "INSERT INTO opening (opening_id, school_id, reader, opened_at, purpose, events, matter_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        at.id_in_stream("opening-")?,
        school(at)?,
        at.record.actor,
        at.record.recorded_at,
        opened.purpose.as_str(),
        &events,
        opened.matter.map(Uuid::from),
    );
    at.one_row(&written.execute(c).await?)
}

async fn forget(c: &mut PgConnection, at: At<'_>, event: PseudonymEvent) -> Result<(), ProjectionError> {
    let digits = at.record.stream.strip_prefix("pseudonym-");
    let name = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(u64::cast_signed);
    let name = name.ok_or_else(|| at.poison("expected a stream pseudonym-<16 hex digits>"))?;
    let school = school(at)?;
    let written = match event {
        PseudonymEvent::ForgettingProposed(proposed) => {
            sqlx::query!(
                "INSERT INTO forgetting (school_id, pseudonym, ground, proposer) VALUES ($1, $2, $3, $4)",
                school,
                name,
                proposed.ground.as_str(),
                proposed.by,
            )
            .execute(c)
            .await?
        }
        PseudonymEvent::ForgettingWithdrawn(_) => {
            sqlx::query!("DELETE FROM forgetting WHERE school_id = $1 AND pseudonym = $2", school, name)
                .execute(c)
                .await?
        }
        PseudonymEvent::Forgotten(_) => {
            sqlx::query!("UPDATE forgetting SET forgotten = true WHERE school_id = $1 AND pseudonym = $2", school, name)
                .execute(c)
                .await?
        }
    };
    at.one_row(&written)
}

fn school(at: At<'_>) -> Result<Uuid, ProjectionError> {
    at.owner().0.ok_or_else(|| at.poison("expected a school's stream"))
}

/// An opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Who opened, as the log knows them.
    pub reader: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What for.
    pub purpose: OpeningPurpose,
    /// Which events.
    pub events: Vec<Uuid>,
    /// The matter that it was done for.
    pub matter: Option<Uuid>,
}

/// A school's openings, the latest first; of those done for a matter, none that `asker` is recused from, nor any before the view
/// of people has come to the matter: it says who is. Row-level security cuts them to the reader's school, and to such matters
/// once more.
pub async fn openings(
    connection: &mut PgConnection,
    school: SchoolId,
    asker: &LoginName,
    most: i64,
) -> Result<Vec<Opening>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT reader AS "reader!", opened_at AS "opened_at!", purpose AS "purpose!", events AS "events!", matter_id
           FROM filtering.opening o WHERE school_id = $1
             AND (matter_id IS NULL
                  OR (EXISTS (SELECT FROM published.matter_v1 m WHERE m.matter_id = o.matter_id)
                      AND NOT EXISTS (SELECT FROM published.recused_login_v1 r
                                      WHERE r.matter_id = o.matter_id AND r.login = $2)))
           ORDER BY opened_at DESC LIMIT $3"#,
        Uuid::from(school),
        asker.as_str(),
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let purpose = row.purpose.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(Opening { reader: row.reader, at: row.opened_at, purpose, events: row.events, matter: row.matter_id })
        })
        .collect()
}

/// A name that is to be forgotten, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgetting {
    /// The name's pseudonym.
    pub pseudonym: i64,
    /// Why.
    pub ground: ForgettingGround,
    /// Who proposed it, as the log knows them.
    pub proposer: String,
    /// Whether it is forgotten.
    pub forgotten: bool,
}

/// The names of a school that are to be forgotten, and those that are. Row-level security cuts them to the reader's school.
pub async fn forgettings(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<Forgetting>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT pseudonym AS "pseudonym!", ground AS "ground!", proposer AS "proposer!", forgotten AS "forgotten!"
           FROM filtering.forgetting WHERE school_id = $1 ORDER BY forgotten, pseudonym"#,
        Uuid::from(school),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let ground = row.ground.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(Forgetting { pseudonym: row.pseudonym, ground, proposer: row.proposer, forgotten: row.forgotten })
        })
        .collect()
}

/// All that are forgotten, by school.
pub(crate) async fn forgotten(connection: &mut PgConnection) -> Result<BTreeMap<SchoolId, Vec<i64>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT school_id AS "school_id!", pseudonym AS "pseudonym!" FROM filtering.forgetting WHERE forgotten"#
    );
    let mut forgotten: BTreeMap<SchoolId, Vec<i64>> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        forgotten.entry(row.school_id.into()).or_default().push(row.pseudonym);
    }
    Ok(forgotten)
}
