//! Lines that could not be read, from the permanent rows of their batches: field, reason and keyed hash, never the line.

use chrono::{DateTime, Utc};
use schema::SchoolId;
use sqlx::PgConnection;
use uuid::Uuid;

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedLine {
    /// When its batch was stored.
    pub received_at: DateTime<Utc>,
    /// The sender's id of the batch.
    pub batch_id: String,
    /// The line's number in it, from 1.
    pub line: i32,
    /// The field at fault, or `line`.
    pub field: String,
    /// What was expected.
    pub reason: String,
    /// The line's keyed hash: equal lines of a school have equal ones.
    pub hash: String,
}

/// The latest lines of a school that were not taken, at most 100.
pub async fn latest(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<QuarantinedLine>, sqlx::Error> {
    sqlx::query_as!(
        QuarantinedLine,
        r#"SELECT b.received_at, b.batch_id, (l.item ->> 'line')::integer AS "line!", l.item ->> 'field' AS "field!",
                  l.item ->> 'reason' AS "reason!", l.item ->> 'hash' AS "hash!"
           FROM (SELECT received_at, batch_id, rejected FROM telemetry.batch
                 WHERE school_id = $1 AND rejected <> '[]'::jsonb ORDER BY received_at DESC LIMIT 100) b
           CROSS JOIN LATERAL (SELECT * FROM jsonb_array_elements(b.rejected) LIMIT 100) AS l (item)
           ORDER BY b.received_at DESC, b.batch_id, 3 LIMIT 100"#,
        Uuid::from(school),
    )
    .fetch_all(connection)
    .await
}
