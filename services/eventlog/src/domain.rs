//! Following the domain log.

use chrono::{DateTime, Utc};
use schema::{DecodeError, DomainEvent, SchoolId, TrustId};
use sqlx::PgConnection;
use uuid::{Builder, Uuid};

use crate::{Behind, Log, Offset, PARTITIONS, Partition};

/// The domain log, as a projection follows it.
#[derive(Debug, Clone, Copy)]
pub struct DomainLog;

/// An event of any family, as stored.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// Where it is.
    pub partition: Partition,
    /// Where it is in the partition.
    pub offset: Offset,
    /// Its stream.
    pub stream: String,
    /// Its version in the stream.
    pub version: i64,
    /// The trust that owns the stream, unless a school does.
    pub trust: Option<TrustId>,
    /// The school that owns the stream, unless a trust does.
    pub school: Option<SchoolId>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who or what led to it, by a name of our own.
    pub actor: String,
    /// Ties together all that one request led to.
    pub correlation_id: Uuid,
    name: String,
    type_version: i16,
    payload: Vec<u8>,
}

impl EventRecord {
    /// An id for it, made of its position and for ever its own.
    pub fn id(&self) -> Uuid {
        let position = u128::from(self.partition.0.unsigned_abs()) << 64 | u128::from(self.offset.0.unsigned_abs());
        Builder::from_custom_bytes(position.to_be_bytes()).into_uuid()
    }

    /// What kind of event it is, such as `role-given`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The event, if it is of family `E`.
    pub fn decode<E: DomainEvent>(&self) -> Result<Option<E>, DecodeError> {
        if E::knows(&self.name) { E::decode(&self.name, self.type_version, &self.payload).map(Some) } else { Ok(None) }
    }
}

impl DomainLog {
    /// Every event of `owners` that has to do with somebody, the oldest first: those of a stream, those that `actors` led to,
    /// and those in which one of `texts` stands. It reads as much of the log as the owners have written.
    pub async fn concerning(
        connection: &mut PgConnection,
        owners: &[Uuid],
        stream: &str,
        actors: &[String],
        texts: &[String],
    ) -> Result<Vec<EventRecord>, sqlx::Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT e.partition, e."offset", e.stream, e.version, e.trust_id, e.school_id, e.type AS name, e.type_version,
                      e.occurred_at, e.recorded_at, e.actor, e.correlation_id, e.payload
               FROM log.event e JOIN log.home h ON h.partition = e.partition AND h.owner_id = e.owner_id
               WHERE h.owner_id = ANY ($1)
                 AND (e.stream = $2 OR e.actor = ANY ($3)
                      OR EXISTS (SELECT FROM unnest($4::text[]) t WHERE position(convert_to(t, 'UTF8') IN e.payload) > 0))
               ORDER BY e.recorded_at, e.partition, e."offset""#,
            owners,
            stream,
            actors,
            texts,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| row.record().1).collect())
    }

    /// The same as [`Log::read`], of `owners` alone and of what had been recorded by `at`; other offsets are left out.
    pub(crate) async fn read_recorded_by(
        connection: &mut PgConnection,
        owners: &[Uuid],
        at: DateTime<Utc>,
        (partition, after): (Partition, Offset),
        limit: i64,
    ) -> Result<Vec<(Offset, EventRecord)>, sqlx::Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT e.partition, e."offset", e.stream, e.version, e.trust_id, e.school_id, e.type AS name, e.type_version,
                      e.occurred_at, e.recorded_at, e.actor, e.correlation_id, e.payload
               FROM log.event e
               WHERE e.owner_id = ANY ($1) AND e.recorded_at <= $2 AND e.partition = $3 AND e."offset" > $4
               ORDER BY e."offset" LIMIT $5"#,
            owners,
            at,
            partition.0,
            after.0,
            limit,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(Row::record).collect())
    }
}

/// A row of `log.event`, but for what only the log itself needs.
struct Row {
    partition: i16,
    offset: i64,
    stream: String,
    version: i64,
    trust_id: Option<Uuid>,
    school_id: Option<Uuid>,
    name: String,
    type_version: i16,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    actor: String,
    correlation_id: Uuid,
    payload: Vec<u8>,
}

impl Row {
    fn record(self) -> (Offset, EventRecord) {
        let record = EventRecord {
            partition: Partition(self.partition),
            offset: Offset(self.offset),
            stream: self.stream,
            version: self.version,
            trust: self.trust_id.map(TrustId::from),
            school: self.school_id.map(SchoolId::from),
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            actor: self.actor,
            correlation_id: self.correlation_id,
            name: self.name,
            type_version: self.type_version,
            payload: self.payload,
        };
        (record.offset, record)
    }
}

impl Log for DomainLog {
    type Record = EventRecord;

    async fn read(
        connection: &mut PgConnection,
        partition: Partition,
        after: Offset,
        limit: i64,
    ) -> Result<Vec<(Offset, EventRecord)>, sqlx::Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT e.partition, e."offset", e.stream, e.version, e.trust_id, e.school_id, e.type AS name, e.type_version,
                      e.occurred_at, e.recorded_at, e.actor, e.correlation_id, e.payload
               FROM log.event e WHERE e.partition = $1 AND e."offset" > $2 ORDER BY e."offset" LIMIT $3"#,
            partition.0,
            after.0,
            limit,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(Row::record).collect())
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
                 AND EXISTS (SELECT FROM log.event e WHERE e.partition = c.partition AND e."offset" > c."offset")"#,
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
               CROSS JOIN LATERAL (SELECT e."offset" FROM log.event e WHERE e.partition = p
                                   ORDER BY e."offset" DESC LIMIT 1) head"#,
            i32::from(PARTITIONS) - 1,
        );
        let rows = rows.fetch_all(connection).await?.into_iter();
        Ok(rows.map(|row| (Partition(row.partition), Offset(row.offset))).collect())
    }
}
