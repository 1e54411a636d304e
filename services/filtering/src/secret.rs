//! The keys that are made of the secret under which names, ids and lines are hashed.

use schema::{SchoolId, SourceId};
use sqlx::PgPool;
use vault::{HashKey, Secret};

/// Whether this is the secret that the database's hashes are keyed with; the first one to ask is.
pub async fn is_the_databases(secret: &Secret, pool: &PgPool) -> Result<bool, sqlx::Error> {
    let fingerprint = secret.fingerprint().to_vec();
    database::transact(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!("INSERT INTO filtering.secret (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING", fingerprint)
                .execute(&mut *connection)
                .await?;
            let stored = sqlx::query_scalar!("SELECT fingerprint FROM filtering.secret").fetch_one(connection).await?;
            Ok(stored == fingerprint)
        })
    })
    .await
}

/// The key of a school's names.
pub(crate) fn of_names(secret: &Secret, school: SchoolId) -> HashKey {
    secret.key("Wardlog 2026 names of a school", school.into())
}

/// The key of a source's event ids.
pub(crate) fn of_ids(secret: &Secret, source: SourceId) -> HashKey {
    secret.key("Wardlog 2026 event ids of a source", source.into())
}

/// The key of the lines that a school's filters sent and that could not be read.
pub(crate) fn of_lines(secret: &Secret, school: SchoolId) -> HashKey {
    secret.key("Wardlog 2026 quarantined lines of a school", school.into())
}
