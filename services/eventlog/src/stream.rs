//! Reading one stream whole, to decide on it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schema::{DecodeError, DomainEvent};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Offset, Owner, Partition, Position};

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<E> {
    /// Where it is in the log.
    pub position: Position,
    /// Its version, from 1.
    pub version: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub event: E,
}

/// Why a stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// One of its events cannot be read.
    #[error("version {version} of the stream: {source}")]
    Decode {
        /// Which.
        version: i64,
        /// Why.
        source: DecodeError,
    },
    /// The database could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Loads all events of `stream`, the oldest first; none when it does not exist.
pub async fn load<E: DomainEvent>(
    connection: &mut PgConnection,
    owner: Owner,
    stream: &str,
) -> Result<Vec<Stored<E>>, StreamError> {
    load_as_of(connection, owner, stream, None).await
}

/// The same as it was known at an instant: what had been recorded by then, whenever it happened.
pub async fn load_as_of<E: DomainEvent>(
    connection: &mut PgConnection,
    owner: Owner,
    stream: &str,
    as_of: Option<DateTime<Utc>>,
) -> Result<Vec<Stored<E>>, StreamError> {
    let rows = sqlx::query!(
        r#"SELECT e.partition, e."offset", e.version, e.type, e.type_version, e.occurred_at, e.recorded_at, e.payload
           FROM log.event e JOIN log.home h ON h.partition = e.partition
           WHERE h.owner_id = $1 AND e.owner_id = $1 AND e.stream = $2
             AND ($3::timestamptz IS NULL OR e.recorded_at <= $3)
           ORDER BY e.version"#,
        owner.id(),
        stream,
        as_of,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let event = E::decode(&row.r#type, row.type_version, &row.payload)
                .map_err(|source| StreamError::Decode { version: row.version, source })?;
            let position = Position { partition: Partition(row.partition), offset: Offset(row.offset) };
            let (version, occurred_at, recorded_at) = (row.version, row.occurred_at, row.recorded_at);
            Ok(Stored { position, version, occurred_at, recorded_at, event })
        })
        .collect()
}

/// The events of several streams of one owner, by stream, each the oldest first; a stream that does not exist is not there.
pub async fn load_each<E: DomainEvent>(
    connection: &mut PgConnection,
    owner: Owner,
    streams: &[String],
) -> Result<BTreeMap<String, Vec<E>>, StreamError> {
    several(connection, owner, Some(streams)).await
}

/// All of an owner's streams of one family, in the same way; it reads as much of the log as the owner has written.
pub async fn load_family<E: DomainEvent>(
    connection: &mut PgConnection,
    owner: Owner,
) -> Result<BTreeMap<String, Vec<E>>, StreamError> {
    several(connection, owner, None).await
}

async fn several<E: DomainEvent>(
    connection: &mut PgConnection,
    owner: Owner,
    streams: Option<&[String]>,
) -> Result<BTreeMap<String, Vec<E>>, StreamError> {
    let types: Vec<String> = E::RELEASED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT e.stream, e.version, e.type, e.type_version, e.payload
           FROM log.event e JOIN log.home h ON h.partition = e.partition
           WHERE h.owner_id = $1 AND e.owner_id = $1 AND ($2::text[] IS NULL OR e.stream = ANY ($2)) AND e.type = ANY ($3)
           ORDER BY e.stream, e.version"#,
        owner.id(),
        streams,
        &types,
    );
    let mut loaded = BTreeMap::<_, Vec<E>>::new();
    for row in rows.fetch_all(connection).await? {
        let event = E::decode(&row.r#type, row.type_version, &row.payload)
            .map_err(|source| StreamError::Decode { version: row.version, source })?;
        loaded.entry(row.stream).or_default().push(event);
    }
    Ok(loaded)
}

/// The streams that have an event of one type and none of another, of one owner or of all; each with its owner's id.
pub async fn streams_with(
    connection: &mut PgConnection,
    owner: Option<Owner>,
    (with, without): (&str, &str),
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT e.owner_id, e.stream FROM log.event e
         WHERE e.type = $2 AND ($1::uuid IS NULL OR e.owner_id = $1)
           AND NOT EXISTS (SELECT FROM log.event o
                           WHERE o.partition = e.partition AND o.stream = e.stream AND o.owner_id = e.owner_id AND o.type = $3)",
        owner.map(Owner::id),
        with,
        without,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.owner_id, row.stream)).collect())
}
