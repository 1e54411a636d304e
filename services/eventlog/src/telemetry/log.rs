//! Following the telemetry log.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use futures_util::{Stream, TryStreamExt};
use schema::{SchoolId, SourceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Behind, Log, Offset, PARTITIONS, Partition};

/// The telemetry log, as a projection follows it.
#[derive(Debug, Clone, Copy)]
pub struct TelemetryLog;

/// A batch as stored.
#[derive(Debug, Clone)]
pub struct BatchRecord {
    /// Its partition.
    pub partition: Partition,
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

/// Where a slice of a batch is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The UTC day on which the batch was received.
    pub day: NaiveDate,
    /// The batch's partition.
    pub partition: i16,
    /// Its offset.
    pub offset: i64,
    /// The slice's number, from 0.
    pub slice: i16,
}

/// A slice, as it was stored; none if its day has been dropped.
pub async fn slice(connection: &mut PgConnection, place: Place) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT data FROM telemetry.payload WHERE day = $1 AND partition = $2 AND "offset" = $3 AND slice = $4"#,
        place.day,
        place.partition,
        place.offset,
        place.slice,
    )
    .fetch_optional(connection)
    .await
}

/// A slice of what a school's filters sent.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The filter that sent it.
    pub source: SourceId,
    /// The slice, as it was stored.
    pub data: Vec<u8>,
}

/// All that a school's filters sent and that was received on UTC days from one to another, both included, in no order; of
/// days that have been dropped, nothing.
pub fn slices(
    connection: &mut PgConnection,
    school: SchoolId,
    (from, to): (NaiveDate, NaiveDate),
) -> impl Stream<Item = Result<Slice, sqlx::Error>> {
    sqlx::query!(
        r#"SELECT b.source_id, p.data
           FROM telemetry.batch b
           JOIN telemetry.payload p ON p.day = b.day AND p.partition = b.partition AND p."offset" = b."offset"
           WHERE b.school_id = $1 AND b.day BETWEEN $2 AND $3 AND p.day BETWEEN $2 AND $3"#,
        Uuid::from(school),
        from,
        to,
    )
    .fetch(connection)
    .map_ok(|row| Slice { source: row.source_id.into(), data: row.data })
}

/// How many events a school's filters sent that were received on each of the UTC days from one to another, both included.
pub async fn events_of(
    connection: &mut PgConnection,
    school: SchoolId,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<BTreeMap<NaiveDate, i64>, sqlx::Error> {
    let events = sqlx::query!(
        r#"SELECT day, sum(accepted)::bigint AS "events!" FROM telemetry.batch
           WHERE school_id = $1 AND day BETWEEN $2 AND $3 GROUP BY day"#,
        Uuid::from(school),
        from,
        to,
    );
    Ok(events.fetch_all(connection).await?.into_iter().map(|row| (row.day, row.events)).collect())
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
                    partition,
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
        view: &str,
        follower: Option<Uuid>,
    ) -> Result<Vec<Behind>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"SELECT c.partition, c."offset", c.epoch, s.view IS NOT NULL AS "stopped!"
               FROM log.checkpoint c LEFT JOIN log.stopped s ON s.view = c.view AND s.partition = c.partition
               WHERE c.view = $1
                 AND ($2::uuid IS NULL
                      OR c.follower = $2 AND (s.view IS NULL OR s.tried_at < clock_timestamp() - interval '1 minute'))
                 AND EXISTS (SELECT FROM telemetry.batch b WHERE b.partition = c.partition AND b."offset" > c."offset")"#,
            view,
            follower,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| Behind::of_row(row.partition, row.offset, row.epoch, row.stopped)).collect())
    }
    async fn heads(connection: &mut PgConnection) -> Result<Vec<(Partition, Offset)>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"SELECT p::smallint AS "partition!", head."offset" AS "offset!" FROM generate_series(0, $1) p
               CROSS JOIN LATERAL (SELECT e."offset" FROM telemetry.batch e WHERE e.partition = p
                                   ORDER BY e."offset" DESC LIMIT 1) head"#,
            i32::from(PARTITIONS) - 1,
        );
        let rows = rows.fetch_all(connection).await?.into_iter();
        Ok(rows.map(|row| (Partition(row.partition), Offset(row.offset))).collect())
    }
}
