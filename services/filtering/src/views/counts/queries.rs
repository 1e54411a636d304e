//! What is asked of the counts. Row-level security cuts every answer to the reader's school.

use chrono::NaiveDate;
use schema::{CommandId, Month, SchoolId, SourceId, london_day_bounds};
use sqlx::PgConnection;
use uuid::Uuid;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Events counted.
    pub counted: i32,
    /// Events whose id had been seen.
    pub duplicates: i32,
}

/// What became of a source's batch; none until it has been folded.
pub async fn batch_outcome(
    connection: &mut PgConnection,
    source: SourceId,
    batch: &CommandId,
) -> Result<Option<BatchOutcome>, sqlx::Error> {
    sqlx::query_as!(
        BatchOutcome,
        r#"SELECT counted AS "counted!", duplicates AS "duplicates!" FROM filtering.batch_outcome
           WHERE source_id = $1 AND batch_id = $2"#,
        Uuid::from(source),
        batch.as_str(),
    )
    .fetch_optional(connection)
    .await
}

/// A school's events of one London day and category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCell {
    /// The day.
    pub day: NaiveDate,
    /// The canonical category.
    pub category: String,
    /// Events, whatever was done with them.
    pub requests: i64,
    /// Those that were blocked.
    pub blocks: i64,
}

/// A school's days from `from` to `to`, both included, by category; days without events are absent.
pub async fn days(
    connection: &mut PgConnection,
    school: SchoolId,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<DayCell>, sqlx::Error> {
    sqlx::query_as!(
        DayCell,
        r#"SELECT (hour AT TIME ZONE 'Europe/London')::date AS "day!", category AS "category!", sum(events)::bigint AS "requests!",
                  coalesce(sum(events) FILTER (WHERE action = 'blocked'), 0)::bigint AS "blocks!"
           FROM filtering.count_hourly WHERE school_id = $1 AND hour >= $2 AND hour < $3
           GROUP BY 1, 2 ORDER BY 1, 2"#,
        Uuid::from(school),
        london_day_bounds(from).0,
        london_day_bounds(to).1,
    )
    .fetch_all(connection)
    .await
}

/// A school's events of one month and category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthCell {
    /// The canonical category.
    pub category: String,
    /// Events, whatever was done with them.
    pub requests: i64,
    /// Those that were blocked.
    pub blocks: i64,
}

/// A school's month, exactly.
pub async fn month(
    connection: &mut PgConnection,
    school: SchoolId,
    month: Month,
) -> Result<Vec<MonthCell>, sqlx::Error> {
    sqlx::query_as!(
        MonthCell,
        r#"SELECT category AS "category!", sum(events)::bigint AS "requests!",
                  coalesce(sum(events) FILTER (WHERE action = 'blocked'), 0)::bigint AS "blocks!"
           FROM filtering.count_monthly WHERE school_id = $1 AND month = $2 GROUP BY category ORDER BY category"#,
        Uuid::from(school),
        month.first_day(),
    )
    .fetch_all(connection)
    .await
}

/// A label that no file maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedLabel {
    /// How its source's labels are read.
    pub vocabulary: String,
    /// The label.
    pub label: String,
    /// Events that carried it.
    pub events: i64,
}

/// A school's unmapped labels, the most frequent first, at most 100.
pub async fn unmapped(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<UnmappedLabel>, sqlx::Error> {
    sqlx::query_as!(
        UnmappedLabel,
        r#"SELECT vocabulary AS "vocabulary!", label AS "label!", events AS "events!" FROM filtering.unmapped_label
           WHERE school_id = $1 ORDER BY events DESC, vocabulary, label LIMIT 100"#,
        Uuid::from(school),
    )
    .fetch_all(connection)
    .await
}
