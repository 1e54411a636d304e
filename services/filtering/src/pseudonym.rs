//! Pseudonyms at the door: who somebody is gets further than this only sealed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use eventlog::{Aggregate, Owner, StreamError};
use quick_cache::sync::Cache;
use schema::{DataKeyId, PseudonymId, SchoolId, filtering::PseudonymEvent};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use vault::{HashKey, VaultError};

use crate::{
    domain::pseudonym::Pseudonym,
    sealing::{BELIEVED, Sealing, seal_name},
};

/// The stream of what is decided about a name, by its pseudonym; what is sealed of the name is bound to it.
pub(crate) fn stream(pseudonym: PseudonymId) -> String {
    format!("pseudonym-{pseudonym}")
}

/// How many pseudonyms are kept in memory.
const CACHED: usize = 200_000;

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
    sealing: Arc<Sealing>,
    /// With when it was asked.
    cache: Cache<(SchoolId, [u8; 32]), (PseudonymId, DateTime<Utc>)>,
}

/// A name that nobody here has seen before, or not lately.
struct Unseen {
    hash: [u8; 32],
    name: String,
}

impl Pseudonyms {
    /// Over a pool of the role `Filtering`; names are sealed by `sealing`.
    pub(crate) fn new(pool: PgPool, sealing: Arc<Sealing>) -> Self {
        Self { pool, sealing, cache: Cache::new(CACHED) }
    }

    /// The pseudonyms of `names`, in their order; unseen names get a random one.
    pub(crate) async fn of(
        &self,
        school: SchoolId,
        key: &HashKey,
        names: &[(Kind, &str)],
        now: DateTime<Utc>,
    ) -> Result<Vec<PseudonymId>, PseudonymError> {
        let hashes: Vec<[u8; 32]> = names.iter().map(|(kind, name)| name_hash(key, *kind, name)).collect();
        let believed = |hash: &[u8; 32]| {
            let (pseudonym, asked) = self.cache.get(&(school, *hash))?;
            ((now - asked).abs() < BELIEVED).then_some(pseudonym)
        };
        let mut pseudonyms: Vec<Option<PseudonymId>> = hashes.iter().map(believed).collect();
        if pseudonyms.contains(&None) {
            let unseen = hashes.iter().zip(names).zip(&pseudonyms).filter(|(_, known)| known.is_none());
            let unseen = unseen.map(|((hash, (_, name)), _)| Unseen { hash: *hash, name: (*name).to_owned() });
            let stored = self.stored(school, unseen.collect(), now).await?;
            for (hash, pseudonym) in &stored {
                self.cache.insert((school, *hash), (*pseudonym, now));
            }
            for (pseudonym, hash) in pseudonyms.iter_mut().zip(&hashes) {
                *pseudonym = pseudonym.or_else(|| stored.get(hash).copied());
            }
        }
        // A name that is forgotten between being met and being looked up is met anew when it is sent again.
        let all: Option<Vec<PseudonymId>> = pseudonyms.into_iter().collect();
        Ok(all.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The pseudonyms of all these, given to those that have none.
    async fn stored(
        &self,
        school: SchoolId,
        mut names: Vec<Unseen>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<[u8; 32], PseudonymId>, PseudonymError> {
        // In one order, so that two batches that meet the same new names do not wait for one another in a circle.
        names.sort_unstable_by_key(|name| name.hash);
        names.dedup_by_key(|name| name.hash);
        let hashes: Vec<[u8; 32]> = names.iter().map(|name| name.hash).collect();
        let mut known = look_up(&mut *self.pool.acquire().await?, school, &hashes).await?;
        names.retain(|name| !known.contains_key(&name.hash));
        if !names.is_empty() {
            insert(&self.pool, school, self.newly_named(school, &names, now).await?).await?;
            // Somebody else may have been first.
            known.extend(look_up(&mut *self.pool.acquire().await?, school, &hashes).await?);
        }
        Ok(known)
    }

    /// A new pseudonym for each, with the name sealed under its key. The keys are durable before the rows are.
    async fn newly_named(
        &self,
        school: SchoolId,
        names: &[Unseen],
        now: DateTime<Utc>,
    ) -> Result<Rows, PseudonymError> {
        let pseudonyms: Vec<PseudonymId> = names.iter().map(|_| rand::random::<i64>().into()).collect();
        let mut sealed = vec![None; names.len()];
        if self.sealing.can_seal() {
            let ids: Vec<DataKeyId> = pseudonyms.iter().copied().map(DataKeyId::from).collect();
            let keys = self.sealing.new_keys(school, &ids, now).await?;
            for (((name, pseudonym), id), sealed) in names.iter().zip(&pseudonyms).zip(&ids).zip(&mut sealed) {
                let key = keys.get(id).ok_or(VaultError::Lost)?;
                *sealed = Some(seal_name(school, *pseudonym, key, &name.name)?);
            }
        }
        let pseudonyms = pseudonyms.into_iter().map(i64::from).collect();
        Ok(Rows { hashes: names.iter().map(|name| name.hash.to_vec()).collect(), pseudonyms, sealed })
    }
}

/// Why a pseudonym cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PseudonymError {
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The name cannot be sealed now.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Rows of `filtering.pseudonym`, as columns.
struct Rows {
    hashes: Vec<Vec<u8>>,
    pseudonyms: Vec<i64>,
    sealed: Vec<Option<Vec<u8>>>,
}

fn name_hash(key: &HashKey, kind: Kind, name: &str) -> [u8; 32] {
    let mut text = Vec::with_capacity(name.len() + 1);
    text.push(kind as u8);
    match kind {
        Kind::User | Kind::Device => text.extend_from_slice(name.trim().to_lowercase().as_bytes()),
        Kind::Address => text.extend_from_slice(name.trim().as_bytes()),
    }
    key.hash(&text)
}

/// Which of these names have a pseudonym, by their hashes.
async fn look_up(
    connection: &mut PgConnection,
    school: SchoolId,
    hashes: &[[u8; 32]],
) -> Result<HashMap<[u8; 32], PseudonymId>, sqlx::Error> {
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let rows = sqlx::query!(
        "SELECT name_hash, pseudonym FROM filtering.pseudonym WHERE school_id = $1 AND name_hash = ANY($2)",
        Uuid::from(school),
        &hashes,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.name_hash.try_into().ok()?, row.pseudonym.into()))).collect())
}

/// The pseudonym of a name that a school's filters sent; none if they never did, or it is forgotten.
pub(crate) async fn find(
    connection: &mut PgConnection,
    school: SchoolId,
    key: &HashKey,
    (kind, name): (Kind, &str),
) -> Result<Option<PseudonymId>, sqlx::Error> {
    let hash = name_hash(key, kind, name);
    Ok(look_up(connection, school, &[hash]).await?.remove(&hash))
}

async fn insert(pool: &PgPool, school: SchoolId, rows: Rows) -> Result<(), sqlx::Error> {
    let school = Uuid::from(school);
    database::transact(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!(
                "INSERT INTO filtering.pseudonym (school_id, name_hash, pseudonym, sealed)
                 SELECT $1, n.hash, n.pseudonym, n.sealed
                 FROM unnest($2::bytea[], $3::bigint[], $4::bytea[]) AS n (hash, pseudonym, sealed)
                 ON CONFLICT (school_id, name_hash) DO NOTHING",
                school,
                &rows.hashes,
                &rows.pseudonyms,
                &rows.sealed as &[Option<Vec<u8>>],
            )
            .execute(connection)
            .await
            .map(drop)
        })
    })
    .await
}

/// The sealed names of these pseudonyms; not of those that have none, or whose row was deleted.
pub(crate) async fn sealed_names(
    connection: &mut PgConnection,
    school: SchoolId,
    pseudonyms: impl IntoIterator<Item = PseudonymId>,
) -> Result<HashMap<PseudonymId, Vec<u8>>, sqlx::Error> {
    let pseudonyms: Vec<i64> = pseudonyms.into_iter().map(i64::from).collect();
    let rows = sqlx::query!(
        r#"SELECT pseudonym, sealed AS "sealed!" FROM filtering.pseudonym
           WHERE school_id = $1 AND pseudonym = ANY ($2) AND sealed IS NOT NULL"#,
        Uuid::from(school),
        &pseudonyms,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.pseudonym.into(), row.sealed)).collect())
}

/// Those of these pseudonyms that names have which a school's filters sent.
pub(crate) async fn known(
    connection: &mut PgConnection,
    school: SchoolId,
    pseudonyms: &[PseudonymId],
) -> Result<Vec<PseudonymId>, sqlx::Error> {
    let pseudonyms: Vec<i64> = pseudonyms.iter().copied().map(i64::from).collect();
    let known = sqlx::query_scalar!(
        "SELECT pseudonym FROM filtering.pseudonym WHERE school_id = $1 AND pseudonym = ANY ($2)",
        Uuid::from(school),
        &pseudonyms,
    );
    Ok(known.fetch_all(connection).await?.into_iter().map(PseudonymId::from).collect())
}

/// Whether a school's filters sent a name that has this pseudonym.
pub(crate) async fn is_known(
    connection: &mut PgConnection,
    school: SchoolId,
    pseudonym: PseudonymId,
) -> Result<bool, sqlx::Error> {
    Ok(!known(connection, school, &[pseudonym]).await?.is_empty())
}

/// What is decided about these pseudonyms, as the log has it; of most, nothing.
pub(crate) async fn decided(
    connection: &mut PgConnection,
    school: SchoolId,
    pseudonyms: impl IntoIterator<Item = PseudonymId>,
) -> Result<HashMap<PseudonymId, Pseudonym>, StreamError> {
    let streams: HashMap<String, PseudonymId> = pseudonyms.into_iter().map(|name| (stream(name), name)).collect();
    let names: Vec<String> = streams.keys().cloned().collect();
    let decided = eventlog::load_each::<PseudonymEvent>(connection, Owner::School(school), &names).await?;
    let after = |(stream, events): (&String, &Vec<_>)| Some((*streams.get(stream)?, Pseudonym::after(events)));
    Ok(decided.iter().filter_map(after).collect())
}

/// Those of these pseudonyms that are forgotten, as the log has it.
pub(crate) async fn forgotten(
    connection: &mut PgConnection,
    school: SchoolId,
    pseudonyms: impl IntoIterator<Item = PseudonymId>,
) -> Result<HashSet<PseudonymId>, StreamError> {
    let decided = decided(connection, school, pseudonyms).await?.into_iter();
    Ok(decided.filter(|(_, decided)| *decided == Pseudonym::Forgotten).map(|(name, _)| name).collect())
}

/// Forgets which names these are the pseudonyms of.
pub(crate) async fn delete(pool: &PgPool, school: SchoolId, pseudonyms: &[PseudonymId]) -> Result<(), sqlx::Error> {
    let pseudonyms: Vec<i64> = pseudonyms.iter().copied().map(i64::from).collect();
    database::transact(pool, move |connection| {
        Box::pin(async move {
            sqlx::query!(
                "DELETE FROM filtering.pseudonym WHERE school_id = $1 AND pseudonym = ANY ($2)",
                Uuid::from(school),
                &pseudonyms,
            )
            .execute(connection)
            .await
            .map(drop)
        })
    })
    .await
}
