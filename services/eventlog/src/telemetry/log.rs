//! Following the telemetry log.

use chrono::NaiveDate;
use schema::{SchoolId, SourceId};
use sqlx::PgConnection;

use crate::{Log, Offset, Partition};

/// The telemetry log, as a projection follows it.
#[derive(Debug, Clone, Copy)]
pub struct TelemetryLog;

/// A batch as stored.
#[derive(Debug, Clone)]
pub struct BatchRecord {
    /// The school.
    pub school: SchoolId,
    /// The filter that sent it.
    pub source: SourceId,
    /// The sender's id of the batch.
    pub batch_id: String,
    /// The UTC day on which it was received.
    pub day: NaiveDate,
    /// How many events it holds.
    pub accepted: i32,
    /// Its compressed slices, in order; none when their day has been dropped.
    pub slices: Vec<Vec<u8>>,
}

impl Log for TelemetryLog {
    type Record = BatchRecord;

    async fn read(
        connection: &mut PgConnection,
        partition: Partition,
        after: Offset,
        limit: i64,
    ) -> Result<Vec<(Offset, BatchRecord)>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"SELECT b."offset", b.school_id, b.source_id, b.batch_id, b.day, b.accepted,
                      ARRAY(SELECT p.data FROM telemetry.payload p
                            WHERE p.partition = b.partition AND p."offset" = b."offset" AND p.day = b.day
                            ORDER BY p.slice) AS "slices!"
               FROM telemetry.batch b WHERE b.partition = $1 AND b."offset" > $2 ORDER BY b."offset" LIMIT $3"#,
            partition.0,
            after.0,
            limit,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let record = BatchRecord {
                    school: row.school_id.into(),
                    source: row.source_id.into(),
                    batch_id: row.batch_id,
                    day: row.day,
                    accepted: row.accepted,
                    slices: row.slices,
                };
                (Offset(row.offset), record)
            })
            .collect())
    }

    async fn behind(
        connection: &mut PgConnection,
        view: &'static str,
    ) -> Result<Vec<(Partition, Offset)>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"SELECT c.partition, c."offset" FROM log.checkpoint c
               WHERE c.view = $1
                 AND EXISTS (SELECT FROM telemetry.batch b WHERE b.partition = c.partition AND b."offset" > c."offset")"#,
            view,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| (Partition(row.partition), Offset(row.offset))).collect())
    }
}
