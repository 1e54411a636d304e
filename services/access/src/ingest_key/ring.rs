//! The door's memory of keys: bounded, and short enough that a revocation holds within seconds.

use std::time::{Duration, Instant};

use eventlog::Partition;
use quick_cache::sync::Cache;
use schema::{KeyId, SchoolId, SourceId, Vocabulary};
use sqlx::{PgConnection, PgPool};

use super::{IngestKey, KeyHash};

/// How long an answer of the view is trusted. With a projection's lag it must stay below 5 seconds.
const TRUSTED: Duration = Duration::from_secs(2);

/// How many keys are remembered, known and unknown each: unknown ones have a cache of their own, so that a flood of
/// them cannot push the known ones out.
const REMEMBERED: usize = 20_000;

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
    known: Cache<KeyHash, (KnownSource, Instant)>,
    unknown: Cache<KeyHash, Instant>,
}

impl KeyRing {
    /// A ring over the view of keys; `pool` acts as a role that reads it (`Role::Filtering`).
    pub fn new(pool: PgPool) -> Self {
        Self { pool, known: Cache::new(REMEMBERED), unknown: Cache::new(REMEMBERED) }
    }

    /// The source whose unrevoked key an `Authorization` header shows (`Bearer wlk_…`); `None` is 401.
    ///
    /// `now` is the caller's monotonic clock: an answer counts as old as the question was.
    pub async fn source_of(&self, header_value: &str, now: Instant) -> Result<Option<KnownSource>, sqlx::Error> {
        let Some(key) = bearer(header_value) else { return Ok(None) };
        let hash = key.hash();
        let trusted = |asked: Instant| now.saturating_duration_since(asked) < TRUSTED;
        if let Some((source, asked)) = self.known.get(&hash)
            && trusted(asked)
        {
            return Ok(Some(source));
        }
        if self.unknown.get(&hash).is_some_and(trusted) {
            return Ok(None);
        }
        let found = find(&mut *self.pool.acquire().await?, hash).await?;
        if let Some(source) = found {
            self.known.insert(hash, (source, now));
        } else {
            self.known.remove(&hash);
            self.unknown.insert(hash, now);
        }
        Ok(found)
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

fn bearer(header_value: &str) -> Option<IngestKey> {
    let (scheme, key) = header_value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { key.trim_matches(' ').parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_header_holds_a_key() {
        let key = IngestKey::from_random([1; 32]);
        for header in [format!("Bearer {}", key.reveal()), format!("bearer  {}", key.reveal())] {
            assert_eq!(bearer(&header), Some(key.clone()));
        }
        for wrong in
            [key.reveal(), format!("Basic {}", key.reveal()), "Bearer eyJhbGciOiJFZERTQSJ9".into(), "Bearer ".into()]
        {
            assert_eq!(bearer(&wrong), None);
        }
    }
}
