//! Pseudonyms at the door: who somebody is never gets further than this.

use std::fmt;

use quick_cache::sync::Cache;
use schema::{SchoolId, SourceId};
use sqlx::PgPool;
use uuid::Uuid;

/// How many pseudonyms are kept in memory.
const CACHED: usize = 200_000;

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

/// What a name is the name of; equal texts of different kinds have different pseudonyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A user's name; letter case does not matter.
    User = 0,
    /// A device's name; letter case does not matter.
    Device = 1,
    /// A client's address.
    Address = 2,
}

/// The pseudonyms of every school, cached in front of `filtering.pseudonym`.
#[derive(Debug)]
pub struct Pseudonyms {
    pool: PgPool,
    cache: Cache<(SchoolId, [u8; 32]), i64>,
}

impl Pseudonyms {
    /// Over a pool of the role `Filtering`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, cache: Cache::new(CACHED) }
    }

    /// The pseudonyms of `names`, in their order; unseen names get a random one, in one statement.
    pub(crate) async fn of(
        &self,
        school: SchoolId,
        key: &Key,
        names: &[(Kind, &str)],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let hashes: Vec<[u8; 32]> = names.iter().map(|(kind, name)| name_hash(key, *kind, name)).collect();
        let cached: Vec<Option<i64>> = hashes.iter().map(|hash| self.cache.get(&(school, *hash))).collect();
        if let Some(pseudonyms) = cached.iter().copied().collect() {
            return Ok(pseudonyms);
        }
        let unseen = hashes.iter().zip(cached).filter(|(_, cached)| cached.is_none()).map(|(hash, _)| *hash);
        self.store(school, unseen.collect(), &hashes).await
    }

    async fn store(&self, school: SchoolId, unseen: Vec<[u8; 32]>, all: &[[u8; 32]]) -> Result<Vec<i64>, sqlx::Error> {
        let stored = insert(&self.pool, school, unseen).await?;
        for (hash, pseudonym) in &stored {
            self.cache.insert((school, *hash), *pseudonym);
        }
        let mut pseudonyms = Vec::with_capacity(all.len());
        for hash in all {
            let known = stored
                .binary_search_by(|(stored, _)| stored.cmp(hash))
                .ok()
                .map(|n| stored[n].1)
                .or_else(|| self.cache.get(&(school, *hash)));
            match known {
                Some(pseudonym) => pseudonyms.push(pseudonym),
                None => return Box::pin(self.store(school, all.to_vec(), all)).await,
            }
        }
        Ok(pseudonyms)
    }
}

fn name_hash(key: &Key, kind: Kind, name: &str) -> [u8; 32] {
    let mut text = Vec::with_capacity(name.len() + 1);
    text.push(kind as u8);
    match kind {
        Kind::User | Kind::Device => text.extend_from_slice(name.trim().to_lowercase().as_bytes()),
        Kind::Address => text.extend_from_slice(name.trim().as_bytes()),
    }
    *key.hash(&text).as_bytes()
}

/// Inserts what is new and reads all of `hashes` back, sorted by hash. Sorted input keeps two batches that meet the
/// same new names from waiting for one another in a circle.
async fn insert(
    pool: &PgPool,
    school: SchoolId,
    mut hashes: Vec<[u8; 32]>,
) -> Result<Vec<([u8; 32], i64)>, sqlx::Error> {
    hashes.sort_unstable();
    hashes.dedup();
    let hashes: Vec<Vec<u8>> = hashes.into_iter().map(Vec::from).collect();
    let random: Vec<i64> = hashes.iter().map(|_| rand::random()).collect();
    let school = Uuid::from(school);
    let mut rows = database::transact(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!(
                "INSERT INTO filtering.pseudonym (school_id, name_hash, pseudonym)
                 SELECT $1, n.hash, n.random FROM unnest($2::bytea[], $3::bigint[]) AS n (hash, random)
                 ON CONFLICT (school_id, name_hash) DO NOTHING",
                school,
                &hashes,
                &random,
            )
            .execute(&mut *connection)
            .await?;
            sqlx::query!(
                "SELECT name_hash, pseudonym FROM filtering.pseudonym WHERE school_id = $1 AND name_hash = ANY($2)",
                school,
                &hashes,
            )
            .fetch_all(connection)
            .await
        })
    })
    .await?
    .into_iter()
    .filter_map(|row| Some((<[u8; 32]>::try_from(row.name_hash).ok()?, row.pseudonym)))
    .collect::<Vec<_>>();
    rows.sort_unstable();
    Ok(rows)
}
