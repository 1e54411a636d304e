//! `filtering.opening`: who was shown whose requests, when, and what for (R133).

use chrono::{DateTime, Utc};
use eventlog::{DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::{
    SchoolId,
    filtering::{OpeningEvent, OpeningPurpose},
};
use sqlx::PgConnection;
use uuid::Uuid;

/// Folds openings; other events pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Openings;

impl Projection for Openings {
    type Log = DomainLog;
    const NAME: &'static str = "filtering.openings";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let event = record.decode().map_err(|error| ProjectionError::undecodable(offset, &error))?;
            if let Some(OpeningEvent::Opened(opened)) = event {
                let poison =
                    |reason: &str| ProjectionError::Poison { offset: offset.number(), reason: reason.to_owned() };
                let id = record.stream.strip_prefix("opening-").and_then(|id| Uuid::try_parse(id).ok());
                let events: Vec<Uuid> = opened.events.into_iter().map(Uuid::from).collect();
                sqlx::query!(
                    "INSERT INTO opening (opening_id, school_id, reader, opened_at, purpose, events)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    id.ok_or_else(|| poison("expected a stream opening-<id>"))?,
                    Uuid::from(record.school.ok_or_else(|| poison("expected a school's stream"))?),
                    record.actor,
                    record.recorded_at,
                    opened.purpose.as_str(),
                    &events,
                )
                .execute(&mut *connection)
                .await?;
            }
        }
        Ok(())
    }
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
}

/// A school's openings, the latest first. Row-level security cuts them to the reader's school.
pub async fn latest(connection: &mut PgConnection, school: SchoolId, most: i64) -> Result<Vec<Opening>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT reader AS "reader!", opened_at AS "opened_at!", purpose AS "purpose!", events AS "events!"
           FROM filtering.opening WHERE school_id = $1 ORDER BY opened_at DESC LIMIT $2"#,
        Uuid::from(school),
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let purpose = row.purpose.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(Opening { reader: row.reader, at: row.opened_at, purpose, events: row.events })
        })
        .collect()
}
