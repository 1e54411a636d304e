//! The telemetry log: batches of filter events as facts from outside, one record each.

mod log;
mod writer;

use chrono::{DateTime, NaiveDate, Utc};
use schema::{CommandId, SourceId};
use sqlx::PgPool;

pub use log::{BatchRecord, Place, Slice, TelemetryLog, events_of, slice, slices};
pub use writer::{NewBatch, StoredBatch, Writer, WriterError};

/// The largest slice of a batch, compressed, in bytes.
pub const SLICE_LIMIT: usize = 256 * 1024;

/// What was answered to a batch, from its permanent row.
#[derive(Debug, Clone)]
pub struct BatchAnswer {
    /// When it was stored.
    pub received_at: DateTime<Utc>,
    /// Events taken.
    pub accepted: i32,
    /// Lines not taken, as answered then.
    pub rejected: serde_json::Value,
}

/// Looks up the answer to a source's batch.
pub async fn answer(pool: &PgPool, source: SourceId, batch: &CommandId) -> Result<Option<BatchAnswer>, sqlx::Error> {
    sqlx::query_as!(
        BatchAnswer,
        "SELECT received_at, accepted, rejected FROM telemetry.batch WHERE source_id = $1 AND batch_id = $2",
        uuid::Uuid::from(source),
        batch.as_str(),
    )
    .fetch_optional(pool)
    .await
}

/// Makes the day partitions from the day before `today` to 14 days after it; appending needs today's.
pub async fn make_days(pool: &PgPool, today: NaiveDate) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("SELECT telemetry.make_days($1)", today).fetch_one(pool).await.map(|_| ())
}

/// Drops the payloads and the ids seen that are older than so many days before the log's latest, by whole days and never
/// what is yet to be counted; the permanent rows stay. Returns the names of what was dropped.
pub async fn drop_days(pool: &PgPool, keep_payloads: i32, keep_seen: i32) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT telemetry.drop_days($1, $2) AS "dropped!""#, keep_payloads, keep_seen)
        .fetch_all(pool)
        .await
}
