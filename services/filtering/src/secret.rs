//! The secret under which names, ids and lines are hashed, and the keys that are made of it.

use std::fmt;

use schema::{SchoolId, SourceId};
use sqlx::PgPool;
use uuid::Uuid;

/// The secret under which names and ids are hashed; it is kept outside the database.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// From 256 random bits.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether this is the secret that the database's hashes are keyed with; the first one to ask is.
    pub async fn is_the_databases(&self, pool: &PgPool) -> Result<bool, sqlx::Error> {
        let fingerprint = blake3::derive_key("Wardlog 2026 fingerprint of the secret", &self.0).to_vec();
        database::transact(pool, move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO filtering.secret (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING",
                    fingerprint
                )
                .execute(&mut *connection)
                .await?;
                let stored =
                    sqlx::query_scalar!("SELECT fingerprint FROM filtering.secret").fetch_one(connection).await?;
                Ok(stored == fingerprint)
            })
        })
        .await
    }

    fn key(&self, purpose: &str, of: Uuid) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(&self.0).update(of.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The key of a school's names.
    pub(crate) fn names(&self, school: SchoolId) -> Key {
        Key(self.key("Wardlog 2026 names of a school", school.into()))
    }

    /// The key of a source's event ids.
    pub(crate) fn ids(&self, source: SourceId) -> Key {
        Key(self.key("Wardlog 2026 event ids of a source", source.into()))
    }

    /// The key of the lines that a school's filters sent and that could not be read.
    pub(crate) fn lines(&self, school: SchoolId) -> Key {
        Key(self.key("Wardlog 2026 quarantined lines of a school", school.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A key for one purpose of one school or source.
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn hash(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, bytes)
    }

    /// The first 64 bits of the hash.
    pub(crate) fn short_hash(&self, bytes: &[u8]) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.hash(bytes).as_bytes()[..8]);
        short
    }
}
