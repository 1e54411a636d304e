//! `filtering.flagged_event`: the events that somebody may have to look at. Who it was is there by pseudonym alone.

use chrono::{DateTime, Days, NaiveDate, Utc};
use eventlog::telemetry;
use schema::{Category, FlaggedEventId, PseudonymId, SchoolId, SourceId, london_day_bounds};
use sqlx::PgConnection;
use uuid::Uuid;

/// An event may arrive so many days after it happened.
pub(crate) const LATE: Days = Days::new(9);

/// A clock may be a little ahead of ours, across midnight.
pub(crate) const EARLY: Days = Days::new(1);

/// An event, as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedEvent {
    /// Its id.
    pub event_id: Uuid,
    /// The filter that saw it.
    pub source_id: Uuid,
    /// When the request was made.
    pub at: DateTime<Utc>,
    /// The canonical category.
    pub category: String,
    /// What the filter did.
    pub action: String,
    /// The group of users.
    pub user_group: String,
    /// The host.
    pub host: String,
    /// The user's pseudonym.
    pub user_is: Option<i64>,
    /// The device's.
    pub device_is: Option<i64>,
    /// The client's address's.
    pub address_is: Option<i64>,
    /// Whether more is kept of what was asked for than the host.
    pub is_sealed: bool,
}

/// Which events are asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The first London day.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
    /// One canonical category alone.
    pub category: Option<Category>,
    /// One user alone, by pseudonym.
    pub user: Option<PseudonymId>,
    /// Those before this event, which was shown last.
    pub before: Option<FlaggedEventId>,
    /// How many at most.
    pub most: i64,
}

/// A school's flagged events, the latest first; of a user who is forgotten without the device and the address, by which they
/// could be told. Row-level security cuts them to the reader's school.
pub async fn latest(
    connection: &mut PgConnection,
    school: SchoolId,
    wanted: Wanted,
) -> Result<Vec<FlaggedEvent>, sqlx::Error> {
    // The days are those of arrival, so that days without such events are not looked at.
    sqlx::query_as!(
        FlaggedEvent,
        r#"SELECT event_id AS "event_id!", source_id AS "source_id!", at AS "at!", category AS "category!",
                  action AS "action!", user_group AS "user_group!", host AS "host!", user_is,
                  CASE WHEN f.pseudonym IS NULL THEN device_is END AS device_is,
                  CASE WHEN f.pseudonym IS NULL THEN address_is END AS address_is, is_sealed AS "is_sealed!"
           FROM filtering.flagged_event e
           LEFT JOIN filtering.forgetting f ON f.school_id = e.school_id AND f.pseudonym = e.user_is AND f.forgotten
           WHERE e.school_id = $1 AND at >= $2 AND at < $3 AND day BETWEEN $4 AND $5
             AND ($6::text IS NULL OR category = $6) AND ($7::bigint IS NULL OR user_is = $7)
             AND ($8::uuid IS NULL OR (at, event_id) < (SELECT last.at, last.event_id FROM filtering.flagged_event last
                                                        WHERE last.school_id = $1 AND last.event_id = $8))
           ORDER BY at DESC, event_id DESC LIMIT $9"#,
        Uuid::from(school),
        london_day_bounds(wanted.from).0,
        london_day_bounds(wanted.to).1,
        wanted.from - EARLY,
        wanted.to + LATE,
        wanted.category.map(Category::as_str),
        wanted.user.map(i64::from),
        wanted.before.map(Uuid::from),
        wanted.most,
    )
    .fetch_all(connection)
    .await
}

/// An event, as its service finds it in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) id: FlaggedEventId,
    pub(crate) source: SourceId,
    pub(crate) at: DateTime<Utc>,
    pub(crate) people: [Option<PseudonymId>; 3],
    pub(crate) is_sealed: bool,
    /// The slice of the log in which it is, and its number there.
    pub(crate) place: telemetry::Place,
    pub(crate) number: usize,
}

/// Those of these events that are the school's and kept, in no order.
pub(crate) async fn kept(
    connection: &mut PgConnection,
    school: SchoolId,
    events: &[FlaggedEventId],
) -> Result<Vec<Kept>, sqlx::Error> {
    let ids: Vec<Uuid> = events.iter().copied().map(Uuid::from).collect();
    let rows = sqlx::query!(
        r#"SELECT event_id AS "event_id!", source_id AS "source_id!", day AS "day!", at AS "at!", user_is, device_is,
                  address_is, is_sealed AS "is_sealed!", partition AS "partition!", "offset" AS "offset!", slice AS "slice!",
                  number AS "number!"
           FROM filtering.flagged_event WHERE school_id = $1 AND event_id = ANY ($2)"#,
        Uuid::from(school),
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let kept = rows.into_iter().map(|row| Kept {
        id: row.event_id.into(),
        source: row.source_id.into(),
        at: row.at,
        people: [row.user_is, row.device_is, row.address_is].map(|name| name.map(PseudonymId::from)),
        is_sealed: row.is_sealed,
        place: telemetry::Place { day: row.day, partition: row.partition, offset: row.offset, slice: row.slice },
        number: usize::try_from(row.number).unwrap_or(usize::MAX),
    });
    Ok(kept.collect())
}
