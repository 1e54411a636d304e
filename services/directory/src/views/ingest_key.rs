//! `directory.source` and `ingest_key`: who may send, and with which keys.

use eventlog::ProjectionError;
use schema::{
    SourceId,
    directory::{KeyIssued, KeyRevoked, SourceEvent, SourceRegistered},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{At, unreadable};
use crate::keys::{KeyHash, KnownSource};

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
        "INSERT INTO directory.source (source_id, school_id, name, vocabulary) VALUES ($1, $2, $3, $4)",
        Uuid::from(registered.source),
        Uuid::from(registered.school),
        registered.name,
        registered.vocabulary.as_str(),
    );
    at.one_row(&written.execute(c).await?)
}

async fn issue(c: &mut PgConnection, at: At<'_>, issued: KeyIssued) -> Result<(), ProjectionError> {
    let school = at.record.school.ok_or_else(|| at.poison("expected a stream that a school owns"))?;
    let source: Option<SourceId> = at.record.stream.strip_prefix("source-").and_then(|id| id.parse().ok());
    let source = source.ok_or_else(|| at.poison("expected a stream source-<id>"))?;
    let hash: KeyHash = issued.hash.parse().map_err(|_| at.poison("expected a hash of 64 hex digits"))?;
    let written = sqlx::query!(
        "INSERT INTO directory.ingest_key (key_id, source_id, school_id, hash, issued_at) VALUES ($1, $2, $3, $4, $5)",
        Uuid::from(issued.key),
        Uuid::from(source),
        Uuid::from(school),
        hash.as_bytes().as_slice(),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

async fn revoke(c: &mut PgConnection, at: At<'_>, revoked: KeyRevoked) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE directory.ingest_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
        Uuid::from(revoked.key),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

/// Whose telemetry the key with this hash lets in; a revoked key lets in nobody's.
pub async fn find(connection: &mut PgConnection, hash: KeyHash) -> Result<Option<KnownSource>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT k.key_id, k.source_id, k.school_id, s.vocabulary
         FROM directory.ingest_key k JOIN directory.source s USING (source_id)
         WHERE k.hash = $1 AND k.revoked_at IS NULL",
        hash.as_bytes().as_slice(),
    );
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(KnownSource {
        key: row.key_id.into(),
        source: row.source_id.into(),
        school: row.school_id.into(),
        vocabulary: row.vocabulary.parse().map_err(unreadable)?,
    }))
}
