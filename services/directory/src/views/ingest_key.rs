//! `directory.source` and `ingest_key`: who may send, and with which keys.

use access::KeyHash;
use chrono::{DateTime, Utc};
use eventlog::{At, ProjectionError};
use schema::{
    KeyId, SchoolId, SourceId, Vocabulary,
    directory::{KeyIssued, KeyRevoked, SourceEvent, SourceRegistered},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::name::Name;

pub(super) async fn apply(
    connection: &mut PgConnection,
    at: At<'_>,
    event: SourceEvent,
) -> Result<(), ProjectionError> {
    match event {
        SourceEvent::Registered(registered) => register(connection, at, registered).await,
        SourceEvent::KeyIssued(issued) => issue(connection, at, issued).await,
        SourceEvent::KeyRevoked(revoked) => revoke(connection, at, revoked).await,
    }
}

async fn register(c: &mut PgConnection, at: At<'_>, registered: SourceRegistered) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "INSERT INTO source (source_id, school_id, name, vocabulary) VALUES ($1, $2, $3, $4)",
        Uuid::from(registered.source),
        Uuid::from(registered.school),
        registered.name,
        registered.vocabulary.as_str(),
    );
    at.one_row(&written.execute(c).await?)
}

async fn issue(c: &mut PgConnection, at: At<'_>, issued: KeyIssued) -> Result<(), ProjectionError> {
    let school = at.record.school.ok_or_else(|| at.poison("expected a stream that a school owns"))?;
    let source = at.id_in_stream("source-")?;
    let hash: KeyHash = issued.hash.parse().map_err(|_| at.poison("expected a hash of 64 hex digits"))?;
    let written = sqlx::query!(
        "INSERT INTO ingest_key (key_id, source_id, school_id, hash, issued_at) VALUES ($1, $2, $3, $4, $5)",
        Uuid::from(issued.key),
        source,
        Uuid::from(school),
        hash.as_bytes().as_slice(),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

async fn revoke(c: &mut PgConnection, at: At<'_>, revoked: KeyRevoked) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE ingest_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
        Uuid::from(revoked.key),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

/// A school's source of that name, and how its labels are read.
pub async fn source_named(
    connection: &mut PgConnection,
    school: SchoolId,
    name: &Name,
) -> Result<Option<(SourceId, Vocabulary)>, sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT source_id AS "source_id!", vocabulary AS "vocabulary!" FROM directory.source
           WHERE school_id = $1 AND name = $2 ORDER BY source_id LIMIT 1"#,
        Uuid::from(school),
        name.as_str(),
    );
    let found = found.fetch_optional(connection).await?;
    found.map(|row| Ok((row.source_id.into(), row.vocabulary.parse().map_err(unreadable)?))).transpose()
}

/// The names of a school's sources.
pub async fn names(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<Name>, sqlx::Error> {
    let names =
        sqlx::query_scalar!(r#"SELECT name AS "name!" FROM directory.source WHERE school_id = $1"#, Uuid::from(school));
    names.fetch_all(connection).await?.iter().map(|name| name.parse().map_err(unreadable)).collect()
}

/// The school and source that a key was issued to, revoked or not.
pub async fn owner(connection: &mut PgConnection, key: KeyId) -> Result<Option<(SchoolId, SourceId)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT school_id AS "school_id!", source_id AS "source_id!" FROM directory.ingest_key WHERE key_id = $1"#,
        Uuid::from(key)
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.school_id.into(), row.source_id.into())))
}

/// One of a school's filters, as its staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub source_id: Uuid,
    /// What the school calls it.
    pub name: String,
    /// How its category labels are read.
    pub vocabulary: Vocabulary,
    /// Its keys, the oldest first.
    pub keys: Vec<Key>,
}

/// A key, of which nothing secret is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its public id.
    pub key_id: Uuid,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The school's filters by name, each with its keys.
pub async fn of_school(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<Source>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT s.source_id AS "source_id!", s.name AS "name!", s.vocabulary AS "vocabulary!",
                  k.key_id AS "key_id?", k.issued_at AS "issued_at?", k.revoked_at
           FROM published.source_v1 s LEFT JOIN published.issued_key_v1 k ON k.source_id = s.source_id
           WHERE s.school_id = $1 ORDER BY s.name, s.source_id, k.issued_at, k.key_id"#,
        Uuid::from(school)
    );
    let mut sources: Vec<Source> = Vec::new();
    for row in rows.fetch_all(connection).await? {
        if sources.last().is_none_or(|last| last.source_id != row.source_id) {
            let vocabulary = row.vocabulary.parse().map_err(unreadable)?;
            sources.push(Source { source_id: row.source_id, name: row.name, vocabulary, keys: Vec::new() });
        }
        if let (Some(source), Some(key_id), Some(issued_at)) = (sources.last_mut(), row.key_id, row.issued_at) {
            source.keys.push(Key { key_id, issued_at, revoked_at: row.revoked_at });
        }
    }
    Ok(sources)
}
