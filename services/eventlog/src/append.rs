//! Appending one command's events to one stream of the domain log.

use chrono::{DateTime, Utc};
use schema::{CommandId, DomainEvent, SchoolId, TrustId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Offset, Partition, Position};

/// Whose stream it is; it decides the partition, and the scope of a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A school's stream.
    School(SchoolId),
    /// A trust's stream.
    Trust(TrustId),
}

impl Owner {
    /// The id of the school or trust.
    pub fn id(self) -> Uuid {
        match self {
            Self::School(school) => school.into(),
            Self::Trust(trust) => trust.into(),
        }
    }
}

/// What led to an append.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The command's idempotency key, unique within the owner.
    pub command_id: CommandId,
    /// Who commanded it: an opaque id, never a name.
    pub actor: String,
    /// Ties together all that one request led to.
    pub correlation_id: Uuid,
    /// The event that led to the command, if one did.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// An event and when it happened, which may be before it was recorded.
#[derive(Debug, Clone)]
pub struct Occurred<E> {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: E,
}

/// One append.
#[derive(Debug, Clone)]
pub struct Append<'a, E> {
    /// Whose stream it is.
    pub owner: Owner,
    /// The stream, such as `school-<id>`.
    pub stream: &'a str,
    /// The version that the decision was made on; 0 for a stream that does not exist.
    pub expected: i64,
    /// What led to it.
    pub cause: &'a Cause,
    /// One event or more.
    pub events: &'a [Occurred<E>],
}

/// Where a command's events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The partition.
    pub partition: Partition,
    /// The offset of the last of the events.
    pub last_offset: Offset,
    /// The stream's version after them.
    pub version: i64,
    /// When they were recorded; never before the partition's previous event.
    pub recorded_at: DateTime<Utc>,
    /// Whether they had been stored by an earlier call with the same command id.
    pub replayed: bool,
}

impl Appended {
    /// Where the last of the events is.
    pub const fn position(&self) -> Position {
        Position { partition: self.partition, offset: self.last_offset }
    }
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended first: load and decide again.
    #[error("stream is at version {actual}, not at the expected {expected}")]
    Conflict {
        /// The version that the decision was made on.
        expected: i64,
        /// The version that the stream has.
        actual: i64,
    },
    /// The owner used the command id for another stream.
    #[error("command id was used before, for another stream")]
    CommandIdReused,
    /// There is nothing to append.
    #[error("expected at least one event")]
    NoEvents,
    /// The database refused or could not be reached. If this happened on commit, the outcome is unknown: append again
    /// with the same command id to learn it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Gives `owner` its partition; it must have one before its first append.
pub async fn join(connection: &mut PgConnection, owner: Owner) -> Result<Partition, sqlx::Error> {
    let partition =
        sqlx::query_scalar!(r#"SELECT log.join($1) AS "partition!""#, owner.id()).fetch_one(connection).await?;
    Ok(Partition(partition))
}

/// Appends in the caller's transaction, which must be READ COMMITTED and should append only once: the partition stays
/// locked until it commits.
pub async fn append<E: DomainEvent>(
    connection: &mut PgConnection,
    append: Append<'_, E>,
) -> Result<Appended, AppendError> {
    if append.events.is_empty() {
        return Err(AppendError::NoEvents);
    }
    let (trust, school) = match append.owner {
        Owner::School(school) => (None, Some(Uuid::from(school))),
        Owner::Trust(trust) => (Some(Uuid::from(trust)), None),
    };
    let types: Vec<String> = append.events.iter().map(|e| e.event.name().to_owned()).collect();
    let type_versions: Vec<i16> = append.events.iter().map(|e| e.event.version()).collect();
    let occurred: Vec<DateTime<Utc>> = append.events.iter().map(|e| e.at).collect();
    let payloads: Vec<Vec<u8>> = append.events.iter().map(|e| e.event.encode()).collect();
    let row = sqlx::query!(
        r#"SELECT outcome AS "outcome!", home AS "home!", last_offset, last_version AS "last_version!", recorded
           FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"#,
        append.owner.id(),
        trust,
        school,
        append.stream,
        append.expected,
        append.cause.actor,
        append.cause.command_id.as_str(),
        append.cause.correlation_id,
        append.cause.causation_id,
        append.cause.traceparent,
        &types,
        &type_versions,
        &occurred,
        &payloads,
    )
    .fetch_one(connection)
    .await?;

    match (row.outcome.as_str(), row.last_offset, row.recorded) {
        ("appended" | "replayed", Some(last_offset), Some(recorded_at)) => Ok(Appended {
            partition: Partition(row.home),
            last_offset: Offset(last_offset),
            version: row.last_version,
            recorded_at,
            replayed: row.outcome == "replayed",
        }),
        ("command_id_reused", ..) => Err(AppendError::CommandIdReused),
        _ => Err(AppendError::Conflict { expected: append.expected, actual: row.last_version }),
    }
}
