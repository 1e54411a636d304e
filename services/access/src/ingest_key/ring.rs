//! The door's keys: whose telemetry each lets in.

use std::time::Instant;

use eventlog::Partition;
use schema::{KeyId, SchoolId, SourceId, Vocabulary};
use sqlx::{PgConnection, PgPool};

use super::IngestKey;
use crate::{KeyHash, KnownKeys};

/// Whose telemetry a key lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSource {
    /// The key.
    pub key: KeyId,
    /// The filter that it belongs to.
    pub source: SourceId,
    /// The filter's school.
    pub school: SchoolId,
    /// How the filter's category labels are read.
    pub vocabulary: Vocabulary,
    /// The school's partition of the logs.
    pub partition: Partition,
}

/// Tells which source a key belongs to.
#[derive(Debug)]
pub struct KeyRing {
    pool: PgPool,
    keys: KnownKeys<KnownSource>,
}

impl KeyRing {
    /// A ring over the view of keys; `pool` acts as a role that reads it (`Role::Filtering`).
    pub fn new(pool: PgPool) -> Self {
        Self { pool, keys: KnownKeys::default() }
    }

    /// The source whose unrevoked key an `Authorization` header shows (`Bearer wlk_…`); `None` is 401.
    ///
    /// `now` is the caller's monotonic clock: an answer counts as old as the question was.
    pub async fn source_of(&self, header_value: &str, now: Instant) -> Result<Option<KnownSource>, sqlx::Error> {
        let Some(key) = IngestKey::of_bearer(header_value) else { return Ok(None) };
        let look = async |hash| find(&mut *self.pool.acquire().await?, hash).await;
        self.keys.owner(key.hash(), now, look).await
    }
}

/// Whose telemetry the key with this hash lets in; a revoked key lets in nobody's.
async fn find(connection: &mut PgConnection, hash: KeyHash) -> Result<Option<KnownSource>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT key_id AS "key_id!", source_id AS "source_id!", school_id AS "school_id!", vocabulary AS "vocabulary!",
                  partition AS "partition!"
           FROM published.ingest_key_v1 WHERE hash = $1"#,
        hash.as_bytes().as_slice(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(KnownSource {
            key: row.key_id.into(),
            source: row.source_id.into(),
            school: row.school_id.into(),
            vocabulary: row.vocabulary.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            partition: Partition::of_row(row.partition),
        })
    })
    .transpose()
}
